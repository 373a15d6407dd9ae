// Makes the chunks of a run for tests, as a device would.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/attribution/run_data.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/readings.h"

namespace synergy {

class RunBuilder {
 public:
  // Rails are added before the header is written.
  RunBuilder& Rail(const std::string& name) {
    header_.mutable_board()->add_rails()->set_name(name);
    return *this;
  }
  // Gives the channel's number.
  uint32_t Channel(const std::string& rail, v1::ChannelInfo::Quantity quantity, double scale) {
    v1::ChannelInfo* channel = header_.add_channels();
    channel->set_channel(kFirstSensorChannel + static_cast<uint32_t>(header_.channels_size()) - 1);
    channel->set_rail(rail);
    channel->set_quantity(quantity);
    channel->set_scale(scale);
    return channel->channel();
  }
  v1::RunHeader& header() { return header_; }

  void WriteHeader() {
    v1::RunRecord record;
    *record.mutable_header() = header_;
    Write(record);
  }
  void Write(const v1::RunRecord& record) {
    Append(kRunRecordsChannel, 1, v1::ENCODING_RUN_RECORDS, EncodeRunRecords({record}));
  }
  void WriteEnd(v1::JobState state) {
    v1::RunRecord record;
    record.mutable_end()->set_state(state);
    Write(record);
  }
  void Write(const std::vector<Marker>& markers) {
    Append(kMarkersChannel, static_cast<uint32_t>(markers.size()), v1::ENCODING_MARKERS,
           EncodeMarkers(markers));
  }
  void Write(uint32_t channel, const std::vector<Reading>& readings) {
    Append(channel, static_cast<uint32_t>(readings.size()), v1::ENCODING_READINGS,
           EncodeReadings(readings));
  }
  // Readings of no length.
  void WriteInstants(uint32_t channel,
                     const std::vector<std::pair<int64_t, int64_t>>& at_ns_and_raw) {
    std::vector<Reading> readings;
    for (const auto& [at_ns, raw] : at_ns_and_raw) {
      readings.push_back({at_ns, at_ns, raw, Freshness::kFresh});
    }
    Write(channel, readings);
  }
  // As if the device had dropped these.
  void Lose(uint32_t channel, uint64_t count) { next_sequence_[channel] += count; }

  const std::vector<v1::Chunk>& chunks() const { return chunks_; }

 private:
  void Append(uint32_t channel, uint32_t count, v1::Encoding encoding, std::string data) {
    uint64_t& next = next_sequence_[channel];
    chunks_.push_back(MakeChunk(chunks_.size(), channel, next, count, encoding, std::move(data)));
    next += count;
  }

  v1::RunHeader header_;
  std::map<uint32_t, uint64_t> next_sequence_;
  std::vector<v1::Chunk> chunks_;
};

inline Marker OperatorMarker(uint32_t op, uint32_t iteration, int64_t begin_ns, int64_t end_ns,
                             v1::Phase phase = v1::PHASE_MEASURE, uint16_t thread = 0) {
  return {.begin_ns = begin_ns,
          .end_ns = end_ns,
          .op = op,
          .iteration = iteration,
          .thread = thread,
          .device = 0,
          .phase = static_cast<uint8_t>(phase),
          .event = 0};
}

}  // namespace synergy
