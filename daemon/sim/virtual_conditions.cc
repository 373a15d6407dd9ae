#include "daemon/sim/virtual_conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace synergy::sim {
namespace {

constexpr Nanoseconds kPeriod = Milliseconds(100);

// "policy4": by its first core.
std::vector<std::string> PolicyNames(const std::vector<CpuSpeed>& speeds) {
  std::vector<std::string> names;
  uint32_t first_core = 0;
  for (const CpuSpeed& speed : speeds) {
    names.push_back(fmt::format("policy{}", first_core));
    first_core += speed.cores_on;
  }
  return names;
}

// As if the run held a lease of them.
v1::ClockLease LeaseOf(const std::vector<CpuSpeed>& speeds) {
  v1::ClockLease lease;
  const std::vector<std::string> names = PolicyNames(speeds);
  for (size_t policy = 0; policy < speeds.size(); ++policy) {
    for (const char* limit : {"scaling_min_freq", "scaling_max_freq"}) {
      v1::ClockSetting& setting = *lease.add_settings();
      setting.set_control(fmt::format("{}/{}", names[policy], limit));
      setting.set_obtained(fmt::format("{}", speeds[policy].busy_khz));
    }
  }
  return lease;
}

// Temperatures change all the time: they are taken down with the rest.
bool HaveSameClocks(const v1::Conditions& a, const v1::Conditions& b) {
  const auto same = [](const auto& x, const auto& y) { return x.hz() == y.hz(); };
  return std::ranges::equal(a.frequencies(), b.frequencies(), same);
}
bool HaveSameThrottles(const v1::Conditions& a, const v1::Conditions& b) {
  const auto same = [](const auto& x, const auto& y) { return x.value() == y.value(); };
  return std::ranges::equal(a.throttles(), b.throttles(), same);
}

}  // namespace

VirtualConditions::VirtualConditions(const Board& board, const std::vector<CpuSpeed>& speeds,
                                     Clock& clock, RunRecorder& recorder)
    : board_(board),
      speeds_(speeds),
      clock_(clock),
      recorder_(recorder),
      fixed_(LeaseOf(speeds), {}),
      next_look_(clock.Now()) {
  Take(true);
}

v1::Conditions VirtualConditions::Now() {
  BoardSimulation& simulation = *board_.simulation;
  v1::Conditions now;
  now.set_at_ns(clock_.Now().ns);
  const std::vector<std::string> names = PolicyNames(speeds_);
  for (size_t policy = 0; policy < speeds_.size(); ++policy) {
    v1::Conditions::Frequency& frequency = *now.add_frequencies();
    frequency.set_clock(names[policy]);
    frequency.set_hz(1000 * simulation.CpuKhz(policy));
  }
  if (!board_.clock_tables.thermal_zone.empty()) {
    v1::Conditions::Temperature& temperature = *now.add_temperatures();
    temperature.set_zone(board_.clock_tables.thermal_zone);
    temperature.set_millidegrees(
        static_cast<int32_t>(std::lround(1e3 * simulation.temperature_c())));
  }
  // As the simulated clocks of a board in real time show it.
  const std::optional<int64_t> held_khz = simulation.throttled_khz();
  if (speeds_.empty()) return now;
  v1::Conditions::Throttle& throttle = *now.add_throttles();
  if (board_.clock_tables.throttle_counter) {
    throttle_count_ += held_khz ? 1 : 0;
    throttle.set_what("cpu0 core_throttle_count");
    throttle.set_value(throttle_count_);
    return now;
  }
  throttle.set_what("cooling thermal-cpufreq-0 0");
  const auto is_taken = [&](int64_t khz) { return held_khz && khz > *held_khz; };
  throttle.set_value(static_cast<uint64_t>(
      std::ranges::count_if(board_.clock_tables.policies.front().khz, is_taken)));
  return now;
}

void VirtualConditions::Take(bool all) {
  const v1::Conditions now = Now();
  throttles_.See(now);
  const bool same_clocks = HaveSameClocks(now, last_);
  if (!same_clocks) TellMoves(now);
  fixed_.Looked(clock_.Now());
  if (!all && same_clocks && HaveSameThrottles(now, last_)) return;
  last_ = now;
  v1::RunRecord record;
  *record.mutable_conditions() = now;
  recorder_.OnRecord(record);
}

void VirtualConditions::TellMoves(const v1::Conditions& now) {
  for (const FixedClocks::Change& change : fixed_.Check(now)) {
    if (!change.of_clock) continue;
    v1::RunRecord event;
    *event.mutable_clock_change() = *change.of_clock;
    recorder_.OnRecord(event);
  }
}

void VirtualConditions::Follow() {
  if (clock_.Now() < next_look_) return;
  next_look_ = clock_.Now() + kPeriod;
  Take(false);
}

void VirtualConditions::BeginMeasuring() {
  Take(true);
  throttles_.BeginSpan();
  fixed_.BeginSpan(clock_.Now());
}

VirtualConditions::Seen VirtualConditions::EndMeasuring(double max_away) {
  Take(true);
  return {.moved = fixed_.EndSpan(clock_.Now(), max_away), .throttled = throttles_.EndSpan()};
}

}  // namespace synergy::sim
