// Collects the records of a run channel by channel into batches worth a chunk.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "common/clock.h"
#include "common/marker_ring.h"
#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Successive records of one channel.
struct Batch {
  uint32_t channel = 0;
  uint64_t first_sequence = 0;
  std::variant<std::vector<v1::RunRecord>, std::vector<Marker>, std::vector<Reading>> records;

  uint32_t count() const;
  // About what it takes in memory.
  size_t bytes() const;
};

// A batch is ready when it has kBatchRecords records, or when its first record came kBatchAge ago;
// a run record is one by itself. Time is the newest stamp of the sensors' readings and gaps: no
// clock is asked, and what an engine writes into its markers moves nothing. Thread-compatible.
class RecordBatcher {
 public:
  static constexpr size_t kBatchRecords = 512;
  static constexpr Nanoseconds kBatchAge = Milliseconds(100);

  // Sensor channels are numbered from kFirstSensorChannel on. `records_so_far` run records were
  // written before.
  RecordBatcher(size_t sensor_channels, size_t sources, uint64_t records_so_far);

  // `channel` is one of the sensors'.
  void AddReading(uint32_t channel, const Reading& reading);
  void AddMarker(const Marker& marker);
  void AddRecord(v1::RunRecord record);
  // Gaps of one source and cause that begin within kBatchAge become one: from the first's begin to
  // the last's end, their counts added.
  void AddGap(size_t source, const v1::Gap& gap);

  // Batches that are ready, in no order among channels.
  std::vector<Batch> TakeReady() { return Take(false); }
  std::vector<Batch> TakeAll() { return Take(true); }
  // The newest stamp so far.
  int64_t now_ns() const { return now_ns_; }

 private:
  template <typename Record>
  struct Pending {
    std::vector<Record> records;
    uint64_t next_sequence = 0;  // of the first of `records`
    int64_t since_ns = 0;        // when the first of them came
  };

  std::vector<Batch> Take(bool all);
  template <typename Record>
  void Add(Pending<Record>& pending, uint32_t channel, const Record& record);
  // Makes what is pending a ready batch.
  template <typename Record>
  void Close(Pending<Record>& pending, uint32_t channel);
  template <typename Record>
  void CloseIf(Pending<Record>& pending, uint32_t channel, bool all) {
    if (all || IsOld(pending.since_ns)) Close(pending, channel);
  }
  void FlushGap(std::optional<v1::Gap>& gap);
  bool IsOld(int64_t since_ns) const { return now_ns_ - since_ns >= kBatchAge.count; }

  int64_t now_ns_ = 0;
  std::vector<Batch> ready_;
  uint64_t next_record_;
  Pending<Marker> markers_;
  std::vector<Pending<Reading>> readings_;
  std::vector<std::array<std::optional<v1::Gap>, 2>> gaps_;  // by source: missed, failed
};

}  // namespace synergy
