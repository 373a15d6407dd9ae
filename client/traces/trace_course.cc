#include "client/traces/trace_course.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "client/traces/operator_rows.h"
#include "client/traces/sorted_blocks.h"

namespace synergy {
namespace {

template <typename Row, typename Table>
SortedBlocks<Row> Sorted(Table& table, const BlockText& text_of) {
  std::vector<int64_t> earliest;
  for (const TextBlock& block : table.blocks()) earliest.push_back(block.earliest);
  return SortedBlocks<Row>(std::move(earliest),
                           [&](size_t block) -> absl::StatusOr<std::vector<Row>> {
                             const absl::StatusOr<std::string> text = text_of(block);
                             if (!text.ok()) return text.status();
                             return table.Read(block, *text);
                           });
}

}  // namespace

absl::Status TraceCourse::Write(const BlockText& sample_text, const BlockText& marker_text) {
  SortedBlocks<SampleReading> readings = Sorted<SampleReading>(samples_, sample_text);
  SortedBlocks<TraceMarker> markers = Sorted<TraceMarker>(markers_, marker_text);
  absl::StatusOr<const SampleReading*> reading = readings.Next();
  absl::StatusOr<const TraceMarker*> marker = markers.Next();
  while (true) {
    if (!reading.ok()) return reading.status();
    if (!marker.ok()) return marker.status();
    if (*reading == nullptr && *marker == nullptr) break;
    const bool take_marker =
        *reading == nullptr || (*marker != nullptr && (*marker)->At() < (*reading)->At());
    absl::Status status = AddRecords(take_marker ? (*marker)->At() : (*reading)->At());
    if (status.ok()) {
      status = take_marker ? AddMarker(**marker) : AddReading(**reading);
    }
    if (!status.ok()) return status;
    if (take_marker) {
      marker = markers.Next();
    } else {
      reading = readings.Next();
    }
  }
  absl::Status status = AddNets(INT64_MAX);
  return status.ok() ? AddRecords(INT64_MAX) : status;
}

absl::Status TraceCourse::AddRecords(int64_t until_ns) {
  for (; record_ < records_.size() && records_[record_].at_ns <= until_ns; ++record_) {
    const TimedRecord& one = records_[record_];
    const absl::Status status =
        one.lost > 0 ? stream_.Skip(one.channel, one.lost) : stream_.Add(one.record);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status TraceCourse::AddNets(int64_t before_ns) {
  if (has_nets_) return absl::OkStatus();
  const std::vector<IterationFacts>& all = markers_.iterations();
  for (; net_ < all.size() && all[net_].end_ns < before_ns; ++net_) {
    if (!all[net_].needs_net) continue;
    const Marker net = {.begin_ns = all[net_].begin_ns,
                        .end_ns = all[net_].end_ns,
                        .op = kOpNet,
                        .iteration = all[net_].iteration,
                        .thread = 0,
                        .device = 0,
                        .phase = all[net_].phase,
                        .event = 0};
    if (absl::Status status = stream_.Add(net, net.end_ns); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string TraceCourse::NameOf(uint32_t op) const {
  const auto& all = markers_.operators().operators();
  if (op >= static_cast<uint32_t>(all.size())) return "whole iteration or setup";
  return fmt::format("operator '{}'", all[static_cast<int>(op)].name());
}

absl::Status TraceCourse::CheckNew(const TraceMarker& row) {
  const Marker& marker = row.marker;
  if (marker.end_ns != same_end_ns_) same_end_.clear();
  same_end_ns_ = marker.end_ns;
  const bool is_new =
      same_end_.emplace(marker.op, marker.iteration, marker.phase, marker.thread, marker.begin_ns)
          .second;
  if (is_new) return absl::OkStatus();
  return AtLine(markers_.name(), row.line,
                fmt::format("the {} has the span from {} to {} ns in iteration {} a second time",
                            NameOf(marker.op), marker.begin_ns, marker.end_ns, marker.iteration));
}

absl::Status TraceCourse::AddMarker(const TraceMarker& row) {
  if (absl::Status status = CheckNew(row); !status.ok()) return status;
  Marker marker = row.marker;
  if (!markers_.has_threads() && marker.op < kMostTraceOperators) {
    const std::optional<uint16_t> lane = lanes_.Take(marker.begin_ns, marker.end_ns);
    if (!lane) {
      return AtLine(markers_.name(), row.line,
                    fmt::format("more than {} operators run at the same time", UINT16_MAX + 1));
    }
    marker.thread = *lane;
  }
  absl::Status status = AddNets(marker.end_ns);
  return status.ok() ? stream_.Add(marker, marker.end_ns) : status;
}

absl::Status TraceCourse::AddReading(const SampleReading& one) {
  const RailFacts& rail = samples_.rails()[one.rail];
  if (rail.kind == RawKind::kRaw) {
    const RailChannels& channels = channels_[one.rail];
    return stream_.Add(one.is_voltage ? channels.voltage : channels.main, one.reading, one.At());
  }
  const Reading before = std::exchange(before_[one.rail], one.reading);
  if (rail.sensor.window.stamps_are_window() && before.begin_ns == one.reading.begin_ns &&
      before.end_ns == one.reading.end_ns) {
    return AtLine(samples_.name(), one.line,
                  fmt::format("the rail '{}' has the window from {} to {} ns a second time",
                              rail.sensor.rail.name(), before.begin_ns, before.end_ns));
  }
  absl::Status status = stream_.Add(channels_[one.rail].main, one.reading, one.At());
  if (!status.ok() || rail.kind != RawKind::kCurrent) return status;
  Reading volts = one.reading;
  volts.raw = one.volts;
  return stream_.Add(channels_[one.rail].voltage, volts, one.At());
}

}  // namespace synergy
