#include "client/traces/chunk_stream.h"

#include <utility>

#include "common/records/chunk.h"
#include "common/records/markers.h"

namespace synergy {

absl::Status ChunkStream::Send(uint32_t channel, uint32_t count, v1::Encoding encoding,
                               std::string data) {
  uint64_t& next = next_sequence_[channel];
  v1::Chunk chunk = MakeChunk(seq_++, channel, next, count, encoding, std::move(data));
  next += count;
  return sink_(std::move(chunk));
}

absl::Status ChunkStream::FlushMarkers() {
  if (markers_.empty()) return absl::OkStatus();
  const auto count = static_cast<uint32_t>(markers_.size());
  std::string data = EncodeMarkers(markers_);
  markers_.clear();
  return Send(kMarkersChannel, count, v1::ENCODING_MARKERS, std::move(data));
}

absl::Status ChunkStream::FlushReadings(uint32_t channel) {
  std::vector<Reading>& readings = readings_[channel];
  if (readings.empty()) return absl::OkStatus();
  const auto count = static_cast<uint32_t>(readings.size());
  std::string data = EncodeReadings(readings);
  readings.clear();
  return Send(channel, count, v1::ENCODING_READINGS, std::move(data));
}

absl::Status ChunkStream::Flush() {
  absl::Status status = FlushMarkers();
  for (auto& [channel, readings] : readings_) {
    if (status.ok()) status = FlushReadings(channel);
  }
  return status;
}

absl::Status ChunkStream::Skip(uint32_t channel, uint64_t count) {
  absl::Status status = channel == kMarkersChannel ? FlushMarkers() : FlushReadings(channel);
  next_sequence_[channel] += count;
  return status;
}

absl::Status ChunkStream::Pass(int64_t at_ns) {
  if (since_ns_ == INT64_MIN) since_ns_ = at_ns;
  if (at_ns - since_ns_ < kChunkSpanNs) return absl::OkStatus();
  since_ns_ = at_ns;
  return Flush();
}

absl::Status ChunkStream::Add(const v1::RunRecord& record) {
  return Send(kRunRecordsChannel, 1, v1::ENCODING_RUN_RECORDS, EncodeRunRecords({record}));
}

absl::Status ChunkStream::Add(const Marker& marker, int64_t at_ns) {
  if (absl::Status status = Pass(at_ns); !status.ok()) return status;
  markers_.push_back(marker);
  return markers_.size() < kChunkRecords ? absl::OkStatus() : FlushMarkers();
}

absl::Status ChunkStream::Add(uint32_t channel, const Reading& reading, int64_t at_ns) {
  if (absl::Status status = Pass(at_ns); !status.ok()) return status;
  std::vector<Reading>& readings = readings_[channel];
  readings.push_back(reading);
  return readings.size() < kChunkRecords ? absl::OkStatus() : FlushReadings(channel);
}

}  // namespace synergy
