#include "client/report/page/run_timeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "client/analysis/report_names.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

// What a page holds of a run at most: an hour of three rails at 1 kHz is halved, and opens.
constexpr size_t kMostValues = 2'000'000;        // of a rail
constexpr uint64_t kMostExecutions = 1'000'000;  // of a thread
constexpr size_t kMostEvents = 5'000;            // and gaps

constexpr double kPowerStepW = 0.0005;
constexpr double kClockStepHz = 1000;
constexpr double kTemperatureStepC = 0.001;

}  // namespace

RunTimeline::RunTimeline(const ExportedRun& run)
    : RecordWriter(run), begin_ns_(run.report.header.begin_ns()) {}

double RunTimeline::Seconds(int64_t at_ns) const {
  return 1e-9 * static_cast<double>(at_ns - begin_ns_);
}

void RunTimeline::Value(const std::string& name, int64_t at_ns, double value, double step,
                        Series* series) {
  series->try_emplace(name, name, step, begin_ns_).first->second.Add(at_ns, value);
}

void RunTimeline::Sample(const v1::ChannelInfo& channel, const Reading&,
                         const std::optional<RailPowerPoint>& power, std::string*) {
  if (power) Power(channel.rail(), power->from_ns, power->power_w, &rails_);
}

void RunTimeline::MeterSample(const std::string& rail, const PowerSample& sample, std::string*) {
  Power(rail, sample.at_ns, sample.power_w, &meter_);
}

void RunTimeline::Power(const std::string& rail, int64_t at_ns, double power_w, Rails* rails) {
  auto place = std::ranges::find(*rails, rail, [](const auto& one) { return one.first; });
  if (place == rails->end()) {
    rails->emplace_back(rail, PackedSeries(rail, kPowerStepW, begin_ns_));
    place = rails->end() - 1;
  }
  place->second.Add(at_ns, power_w);
}

void RunTimeline::Execution(int64_t begin_units, int64_t end_units, uint32_t op,
                            Executed* executed) {
  if (executed->count == kMostExecutions) {
    ++executed->left_out;
    return;
  }
  AppendSigned(begin_units - executed->end_units, &executed->bytes);
  AppendVarint(static_cast<uint64_t>(std::max<int64_t>(0, end_units - begin_units)),
               &executed->bytes);
  AppendVarint(op, &executed->bytes);
  executed->end_units = std::max(begin_units, end_units);
  ++executed->count;
}

void RunTimeline::Executions(const std::vector<Marker>& markers, std::string*) {
  std::vector<Marker> sorted = markers;
  std::ranges::stable_sort(sorted, {}, &Marker::begin_ns);
  for (const Marker& marker : sorted) {
    const int64_t begin = (marker.begin_ns - begin_ns_) / 100;
    const int64_t end = (marker.end_ns - begin_ns_) / 100;
    if (marker.op == kOpNet) {
      Execution(begin, end, 0, &iterations_);
    } else if (marker.op != kOpLoad && marker.op != kOpInit) {
      Execution(begin, end, marker.op, &threads_[marker.thread]);
    }
  }
}

void RunTimeline::EndPhase(int64_t at_ns) {
  if (!phase_) return;
  phases_.push_back({{"phase", PhaseName(phase_->phase())},
                     {"begin_s", Seconds(phase_->at_ns())},
                     {"end_s", Seconds(std::max(at_ns, phase_->at_ns()))}});
  phase_.reset();
}

void RunTimeline::Event(int64_t at_ns, const std::string& what, const std::string& text) {
  if (events_.size() == kMostEvents) {
    ++events_left_out_;
    return;
  }
  events_.push_back({{"at_s", Seconds(at_ns)}, {"what", what}, {"text", text}});
}

void RunTimeline::Gap(const v1::Gap& gap) {
  if (gaps_.size() == kMostEvents) {
    ++gaps_left_out_;
    return;
  }
  gaps_.push_back({{"source", gap.source()},
                   {"begin_s", Seconds(gap.begin_ns())},
                   {"end_s", Seconds(std::max(gap.begin_ns(), gap.end_ns()))},
                   {"cause", GapCauseName(gap.cause())}});
}

void RunTimeline::Record(const v1::RunRecord& record, std::string*) {
  if (record.has_phase()) {
    EndPhase(record.phase().at_ns());
    phase_ = record.phase();
  }
  if (record.has_gap()) Gap(record.gap());
  if (record.has_notice()) {
    Event(record.notice().at_ns(), record.notice().code(), record.notice().text());
  }
  if (record.has_clock_change()) {
    const v1::ClockChange& change = record.clock_change();
    const std::string seen =
        change.seen_hz() > 0 ? fmt::format("{} MHz", static_cast<double>(change.seen_hz()) / 1e6)
                             : "unread";
    Event(change.at_ns(), "clock moved",
          fmt::format("{}: {}, fixed at {} MHz", change.clock(), seen,
                      static_cast<double>(change.fixed_hz()) / 1e6));
  }
  for (const auto& one : record.conditions().frequencies()) {
    if (one.hz() <= 0) continue;
    Value(one.clock(), record.conditions().at_ns(), static_cast<double>(one.hz()), kClockStepHz,
          &clocks_);
  }
  for (const auto& one : record.conditions().temperatures()) {
    Value(one.zone(), record.conditions().at_ns(), 1e-3 * one.millidegrees(), kTemperatureStepC,
          &temperatures_);
  }
}

void RunTimeline::Lost(uint32_t channel, uint64_t count, int64_t at_ns, std::string*) {
  Event(at_ns, "records lost", fmt::format("{} of channel {}", count, channel));
}

void RunTimeline::Finish(std::string*) { EndPhase(end_ns()); }

ordered_json RunTimeline::JsonOf(const Series& series) {
  ordered_json json = ordered_json::array();
  for (const auto& [name, values] : series) json.push_back(values.Json(kMostValues));
  return json;
}

ordered_json RunTimeline::Json() const {
  const auto executed = [](const Executed& one) {
    ordered_json json;
    json["count"] = one.count;
    json["left_out"] = one.left_out;
    json["data"] = absl::Base64Escape(one.bytes);
    return json;
  };
  ordered_json json;
  json["end_s"] = Seconds(end_ns());
  json["rails"] = ordered_json::array();
  for (const Rails* rails : {&rails_, &meter_}) {
    for (const auto& [name, values] : *rails) json["rails"].push_back(values.Json(kMostValues));
  }
  json["clocks"] = JsonOf(clocks_);
  json["temperatures"] = JsonOf(temperatures_);
  json["threads"] = ordered_json::array();
  for (const auto& [thread, one] : threads_) {
    json["threads"].push_back(executed(one));
    json["threads"].back()["thread"] = thread;
  }
  json["iterations"] = executed(iterations_);
  json["phases"] = phases_;
  json["gaps"] = gaps_;
  json["events"] = events_;
  json["gaps_left_out"] = gaps_left_out_;
  json["events_left_out"] = events_left_out_;
  json["left_out"] = left_out();
  return json;
}

}  // namespace synergy
