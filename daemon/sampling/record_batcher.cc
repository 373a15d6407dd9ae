#include "daemon/sampling/record_batcher.h"

#include <algorithm>
#include <utility>

#include "common/records/chunk.h"

namespace synergy {

uint32_t Batch::count() const {
  return std::visit([](const auto& all) { return static_cast<uint32_t>(all.size()); }, records);
}

size_t Batch::bytes() const {
  if (const auto* all = std::get_if<std::vector<v1::RunRecord>>(&records)) {
    size_t bytes = 0;
    for (const v1::RunRecord& record : *all) bytes += sizeof(record) + record.ByteSizeLong();
    return bytes;
  }
  return count() * (channel == kMarkersChannel ? sizeof(Marker) : sizeof(Reading));
}

RecordBatcher::RecordBatcher(size_t sensor_channels, size_t sources, uint64_t records_so_far)
    : next_record_(records_so_far), readings_(sensor_channels), gaps_(sources) {}

template <typename Record>
void RecordBatcher::Add(Pending<Record>& pending, uint32_t channel, const Record& record) {
  if (pending.records.empty()) {
    pending.since_ns = now_ns_;
    pending.records.reserve(kBatchRecords);
  }
  pending.records.push_back(record);
  if (pending.records.size() >= kBatchRecords) Close(pending, channel);
}

template <typename Record>
void RecordBatcher::Close(Pending<Record>& pending, uint32_t channel) {
  if (pending.records.empty()) return;
  Batch& batch = ready_.emplace_back();
  batch.channel = channel;
  batch.first_sequence = pending.next_sequence;
  pending.next_sequence += pending.records.size();
  batch.records = std::exchange(pending.records, {});
}

void RecordBatcher::AddReading(uint32_t channel, const Reading& reading) {
  now_ns_ = std::max(now_ns_, reading.end_ns);
  Add(readings_[channel - kFirstSensorChannel], channel, reading);
}

void RecordBatcher::AddMarker(const Marker& marker) { Add(markers_, kMarkersChannel, marker); }

void RecordBatcher::AddRecord(v1::RunRecord record) {
  Batch& batch = ready_.emplace_back();
  batch.channel = kRunRecordsChannel;
  batch.first_sequence = next_record_++;
  batch.records = std::vector<v1::RunRecord>{std::move(record)};
}

void RecordBatcher::AddGap(size_t source, const v1::Gap& gap) {
  now_ns_ = std::max(now_ns_, gap.end_ns());
  std::optional<v1::Gap>& joined = gaps_[source][gap.cause() == v1::Gap::CAUSE_READ_FAILED];
  if (joined && (joined->detail() != gap.detail() ||
                 gap.begin_ns() - joined->begin_ns() >= kBatchAge.count)) {
    FlushGap(joined);
  }
  if (!joined) {
    joined = gap;
    return;
  }
  joined->set_end_ns(std::max(joined->end_ns(), gap.end_ns()));
  joined->set_count(joined->count() + gap.count());
}

void RecordBatcher::FlushGap(std::optional<v1::Gap>& gap) {
  v1::RunRecord record;
  *record.mutable_gap() = *std::move(gap);
  gap.reset();
  AddRecord(std::move(record));
}

std::vector<Batch> RecordBatcher::Take(bool all) {
  for (auto& by_cause : gaps_) {
    for (std::optional<v1::Gap>& gap : by_cause) {
      if (gap && (all || IsOld(gap->begin_ns()))) FlushGap(gap);
    }
  }
  CloseIf(markers_, kMarkersChannel, all);
  for (size_t i = 0; i < readings_.size(); ++i) {
    CloseIf(readings_[i], kFirstSensorChannel + static_cast<uint32_t>(i), all);
  }
  return std::exchange(ready_, {});
}

}  // namespace synergy
