#include "client/export/record_writer.h"

#include <algorithm>

#include "common/records/chunk.h"
#include "common/records/markers.h"

namespace synergy {

std::string RecordWriter::left_out() const {
  const auto& meter = report().meter;
  if (!meter || meter->segments_size() > 0) return "";
  return "the readings of the host's meter are left out: their time on the board's clock is not "
         "known";
}

const v1::OperatorInfo* RecordWriter::FindOperator(uint32_t op) const {
  if (op < operators_.size() && operators_[op].index() == op) return &operators_[op];
  const auto found = std::ranges::find(operators_, op, &v1::OperatorInfo::index);
  return found == operators_.end() ? nullptr : &*found;
}

void RecordWriter::Note(const v1::RunRecord& record) {
  if (record.has_header()) {
    header_ = record.header();
    rails_ = RailWatts::Of(*header_);
    end_ns_ = std::max(end_ns_, header_->begin_ns());
  }
  if (record.has_operators()) {
    operators_.assign(record.operators().operators().begin(), record.operators().operators().end());
  }
  if (record.has_phase()) end_ns_ = std::max(end_ns_, record.phase().at_ns());
  if (record.has_gap()) end_ns_ = std::max(end_ns_, record.gap().end_ns());
  if (record.has_end()) end_ns_ = std::max(end_ns_, record.end().end_ns());
}

absl::Status RecordWriter::Scan(const v1::Chunk& chunk) {
  if (absl::Status status = VerifyChunkUntrusted(chunk); !status.ok()) return status;
  if (chunk.channel() == kRunRecordsChannel) {
    const auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
    if (!records.ok()) return records.status();
    for (const v1::RunRecord& record : *records) Note(record);
    return absl::OkStatus();
  }
  if (chunk.channel() == kMarkersChannel) {
    const auto markers = DecodeMarkersUntrusted(chunk.data(), chunk.count());
    if (!markers.ok()) return markers.status();
    for (const Marker& marker : *markers) end_ns_ = std::max(end_ns_, marker.end_ns);
    return absl::OkStatus();
  }
  const auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
  if (!readings.ok()) return readings.status();
  for (const Reading& reading : *readings) end_ns_ = std::max(end_ns_, reading.end_ns);
  for (RailWatts& rail : rails_) {
    if (rail.voltage() && rail.voltage()->channel() == chunk.channel()) rail.AddVolts(*readings);
  }
  return absl::OkStatus();
}

void RecordWriter::WriteMeter(int64_t until_ns, std::string* out) {
  if (run_.meter == nullptr) return;
  const std::vector<RailPower>& rails = run_.meter->host.rails;
  next_sample_.resize(rails.size());
  for (size_t i = 0; i < rails.size(); ++i) {
    const std::vector<PowerSample>& samples = rails[i].samples;
    size_t& next = next_sample_[i];
    for (; next < samples.size() && samples[next].at_ns <= until_ns; ++next) {
      if (samples[next].at_ns < report().header.begin_ns()) continue;
      MeterSample(rails[i].rail, samples[next], out);
    }
  }
}

void RecordWriter::End(Texts& out) {
  WriteMeter(end_ns_, &out.front());
  Finish(&out.front());
}

absl::Status RecordWriter::WriteReadings(const v1::Chunk& chunk, uint64_t lost, std::string* out) {
  const auto channel =
      std::ranges::find(header_->channels(), chunk.channel(), &v1::ChannelInfo::channel);
  if (channel == header_->channels().end()) return absl::OkStatus();
  const auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
  if (!readings.ok()) return readings.status();
  if (lost > 0) Lost(chunk.channel(), lost, readings->front().begin_ns, out);
  const auto rail = std::ranges::find_if(
      rails_, [&](const RailWatts& one) { return one.channel().channel() == chunk.channel(); });
  for (const Reading& reading : *readings) {
    Sample(*channel, reading, rail == rails_.end() ? std::nullopt : rail->At(reading), out);
  }
  if (!readings->empty()) WriteMeter(readings->back().begin_ns, out);
  return absl::OkStatus();
}

absl::Status RecordWriter::WriteMarkers(const v1::Chunk& chunk, uint64_t lost, std::string* out) {
  auto markers = DecodeMarkersUntrusted(chunk.data(), chunk.count());
  if (!markers.ok()) return markers.status();
  if (lost > 0) Lost(chunk.channel(), lost, markers->front().begin_ns, out);
  std::erase_if(*markers, [](const Marker& marker) { return marker.op == kOpClock; });
  Executions(*markers, out);
  return absl::OkStatus();
}

absl::Status RecordWriter::Write(const v1::Chunk& chunk, Texts& out) {
  if (!header_) return absl::OkStatus();
  uint64_t& next = next_sequence_[chunk.channel()];
  const uint64_t lost = chunk.first_sequence() > next ? chunk.first_sequence() - next : 0;
  next = chunk.first_sequence() + chunk.count();
  if (chunk.channel() == kMarkersChannel) return WriteMarkers(chunk, lost, &out.front());
  if (chunk.channel() != kRunRecordsChannel) return WriteReadings(chunk, lost, &out.front());
  const auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
  if (!records.ok()) return records.status();
  for (const v1::RunRecord& record : *records) Record(record, &out.front());
  return absl::OkStatus();
}

}  // namespace synergy
