// Records of a run, in order of time, as the chunks that a device would have made of them. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/marker_ring.h"
#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Numbers the chunks from 0. A chunk is full after kChunkRecords, and none holds back a record for
// longer than kChunkSpanNs of the records' own time: readers that take chunk after chunk find what
// belongs together close by. Thread-compatible.
class ChunkStream {
 public:
  static constexpr size_t kChunkRecords = 1024;
  static constexpr int64_t kChunkSpanNs = 1'000'000'000;
  using Sink = std::function<absl::Status(v1::Chunk)>;

  explicit ChunkStream(Sink sink) : sink_(std::move(sink)) {}

  // Each gives the sink's error.
  absl::Status Add(const v1::RunRecord& record);
  absl::Status Add(const Marker& marker, int64_t at_ns);
  absl::Status Add(uint32_t channel, const Reading& reading, int64_t at_ns);
  absl::Status Flush();
  // So many records of the channel are missing here.
  absl::Status Skip(uint32_t channel, uint64_t count);

 private:
  absl::Status Send(uint32_t channel, uint32_t count, v1::Encoding encoding, std::string data);
  absl::Status FlushMarkers();
  absl::Status FlushReadings(uint32_t channel);
  absl::Status Pass(int64_t at_ns);

  const Sink sink_;
  uint64_t seq_ = 0;
  std::map<uint32_t, uint64_t> next_sequence_;  // by channel
  std::vector<Marker> markers_;
  std::map<uint32_t, std::vector<Reading>> readings_;
  int64_t since_ns_ = INT64_MIN;  // nothing that is held back is older
};

}  // namespace synergy
