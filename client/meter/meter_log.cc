#include "client/meter/meter_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/clock_comparison/meter_clock.h"
#include "common/exec_lines.h"
#include "common/records/chunk.h"

namespace synergy {
namespace {

// A meter that says nothing for so long, and for twenty of its periods, was silent.
constexpr int64_t kShortestSilenceNs = 1'000'000'000;
constexpr int64_t kSilentPeriods = 20;
constexpr int kMostSilences = 1000;
// As many as Arrivals keeps, and some.
constexpr size_t kMostLeaps = 4096;

}  // namespace

void MeterLog::Bad(std::string why) {
  if (facts_.bad_lines() == 0) facts_.set_first_bad_line(std::move(why));
  facts_.set_bad_lines(facts_.bad_lines() + 1);
}

MeterLog::Rail* MeterLog::FindRail(const std::string& name) {
  const auto found = std::ranges::find(rails_, name, &Rail::name);
  if (found != rails_.end()) return &*found;
  if (rails_.size() == kMostMeterRails) return nullptr;
  return &rails_.emplace_back(Rail{.name = name, .waiting = {}});
}

void MeterLog::NoteSilence(int64_t arrival_ns) {
  const int64_t longest =
      std::max(kShortestSilenceNs, kSilentPeriods * arrivals_.period_ns().value_or(0));
  if (last_arrival_ns_ >= 0 && arrival_ns - last_arrival_ns_ > longest &&
      facts_.silences_size() < kMostSilences) {
    v1::MeterRecord::Silence* silence = facts_.add_silences();
    silence->set_begin_ns(last_arrival_ns_);
    silence->set_end_ns(arrival_ns);
  }
  last_arrival_ns_ = arrival_ns;
}

void MeterLog::Add(std::string_view line, int64_t arrival_ns) {
  const absl::StatusOr<ExecLine> parsed = ParseExecLineUntrusted(line);
  if (!parsed.ok()) return Bad(std::string(parsed.status().message()));
  Rail* const rail = FindRail(parsed->rail);
  if (rail == nullptr) return Bad(fmt::format("it prints more than {} rails", kMostMeterRails));
  if (parsed->t_ns == rail->last_stamp_ns) {
    return Bad(fmt::format("the rail {} has two readings at {} ns", rail->name, parsed->t_ns));
  }
  if (parsed->t_ns < rail->last_stamp_ns) facts_.set_backward(facts_.backward() + 1);
  rail->last_stamp_ns = parsed->t_ns;
  if (rail == rails_.data()) {
    NoteSilence(arrival_ns);
    const uint64_t line_number = arrivals_.lines();
    if (arrivals_.Add(parsed->t_ns, arrival_ns) && leaps_.size() < kMostLeaps) {
      std::vector<uint64_t>& before = leaps_[line_number];
      for (const Rail& one : rails_) before.push_back(one.readings());
    }
  }
  rail->waiting.push_back({.begin_ns = parsed->t_ns,
                           .end_ns = parsed->t_ns,
                           .raw = std::llround(parsed->watts / kMeterWattsPerStep),
                           .freshness = Freshness::kUnknown});
}

std::vector<v1::Chunk> MeterLog::TakeChunks(size_t least) {
  std::vector<v1::Chunk> chunks;
  for (size_t i = 0; i < rails_.size(); ++i) {
    Rail& rail = rails_[i];
    if (rail.waiting.size() < std::max<size_t>(least, 1)) continue;
    const auto channel = kFirstSensorChannel + static_cast<uint32_t>(i);
    chunks.push_back(MakeChunk(0, channel, rail.stored, static_cast<uint32_t>(rail.waiting.size()),
                               v1::ENCODING_READINGS, EncodeReadings(rail.waiting)));
    rail.stored += rail.waiting.size();
    rail.waiting.clear();
  }
  return chunks;
}

uint64_t MeterLog::readings() const {
  uint64_t all = 0;
  for (const Rail& rail : rails_) all += rail.readings();
  return all;
}

v1::MeterRecord MeterLog::Facts() const {
  v1::MeterRecord record = facts_;
  for (const Rail& rail : rails_) {
    v1::MeterRecord::Rail* one = record.add_rails();
    one->set_name(rail.name);
    one->set_readings(rail.readings());
  }
  record.set_period_s(1e-9 * static_cast<double>(arrivals_.period_ns().value_or(0)));
  record.set_arrival_jitter_ns(arrivals_.jitter_ns());
  for (const ArrivalFloor& floor : arrivals_.floors()) {
    v1::MeterRecord::Arrival* arrival = record.add_arrivals();
    arrival->set_stamp_ns(floor.stamp_ns);
    arrival->set_arrival_ns(floor.arrival_ns);
    arrival->set_line(floor.line);
  }
  for (const ClockJump& jump : arrivals_.Jumps()) {
    const auto leap = leaps_.find(jump.line);
    if (leap == leaps_.end()) continue;
    v1::MeterRecord::Jump* one = record.add_jumps();
    one->set_stamp_ns(jump.stamp_ns);
    one->set_step_ns(jump.step_ns);
    one->set_bound_ns(jump.bound_ns);
    one->set_place_bound_ns(jump.place_bound_ns);
    // Rails that came up later have none before.
    for (size_t i = 0; i < rails_.size(); ++i) {
      one->add_first_reading(i < leap->second.size() ? leap->second[i] : 0);
    }
  }
  return record;
}

}  // namespace synergy
