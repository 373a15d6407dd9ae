#include "client/analysis/run_conditions.h"

#include <algorithm>

#include "client/analysis/steady_power.h"

namespace synergy {
namespace {

// The phase at `i` up to the next one, or to the run's end; nothing where that is not known.
std::optional<Stretch> SpanOf(const RunData& data, size_t i) {
  const std::vector<v1::PhaseChange>& phases = data.phases();
  const int64_t begin = phases[i].at_ns();
  if (i + 1 < phases.size()) return Stretch{begin, phases[i + 1].at_ns()};
  if (data.end() == nullptr) return std::nullopt;
  return Stretch{begin, data.end()->end_ns()};
}

// From the first block of measured iterations to the end of the last.
std::optional<Stretch> Measured(const RunData& data) {
  std::optional<Stretch> measured;
  for (size_t i = 0; i < data.phases().size(); ++i) {
    if (data.phases()[i].phase() != v1::PHASE_MEASURE) continue;
    const std::optional<Stretch> block = SpanOf(data, i);
    if (!block) return std::nullopt;
    measured = Stretch{measured ? measured->begin_ns : block->begin_ns, block->end_ns};
  }
  return measured;
}

std::optional<IdlePower> IdleOf(const RunData& data, const std::vector<RailPower>& power,
                                std::optional<Stretch> span) {
  if (!span || span->end_ns <= span->begin_ns) return std::nullopt;
  IdlePower idle{.time_s = 1e-9 * static_cast<double>(span->end_ns - span->begin_ns)};
  for (const RailPower& rail : power) {
    const int64_t unsettled_ns = kSettledWindows * WindowNs(data, rail.rail).value_or(0);
    const SteadyPower steady =
        SteadyPowerIn(data, rail, {span->begin_ns + unsettled_ns, span->end_ns});
    idle.power_w.push_back(steady.mean_w);
    idle.half_width_w.push_back(steady.half_width_w);
  }
  return idle;
}

// The device idles so long, then plays load patterns, writes outputs and ends the engine.
std::optional<Stretch> AtMost(std::optional<Stretch> idle, double length_s) {
  if (idle) {
    idle->end_ns = std::min(idle->end_ns, idle->begin_ns + static_cast<int64_t>(1e9 * length_s));
  }
  return idle;
}

// Without the load patterns that the device played in it: the longest stretch before, between or
// after them.
std::optional<Stretch> WithoutChirps(const RunData& data, std::optional<Stretch> idle) {
  if (!idle) return idle;
  Stretch longest{idle->begin_ns, idle->begin_ns};
  Stretch rest = *idle;
  const auto keep = [&](const Stretch& span) {
    if (span.end_ns - span.begin_ns > longest.end_ns - longest.begin_ns) longest = span;
  };
  for (const v1::ChirpPlayed& chirp : data.chirps()) {
    if (chirp.edge_ns().empty()) continue;
    const int64_t begin = chirp.edge_ns(0), end = chirp.edge_ns(chirp.edge_ns_size() - 1);
    if (begin < rest.begin_ns || end > rest.end_ns || end < begin) continue;
    keep({rest.begin_ns, begin});
    rest.begin_ns = end;
  }
  keep(rest);
  return longest;
}

// One has the name; it is added where it is new.
template <typename T>
T& Named(std::vector<T>& items, std::string T::*name, const std::string& wanted, bool* added) {
  const auto found = std::ranges::find(items, wanted, name);
  *added = found == items.end();
  if (!*added) return *found;
  items.emplace_back().*name = wanted;
  return items.back();
}

// What held when the span began counts in it.
void TakeClocks(const v1::Conditions& now, bool before_span, std::vector<ClockRange>& clocks) {
  for (const v1::Conditions::Frequency& frequency : now.frequencies()) {
    bool added = false;
    ClockRange& range = Named(clocks, &ClockRange::clock, frequency.clock(), &added);
    if (before_span) range = {.clock = frequency.clock()};
    if (frequency.hz() == 0) {  // not sent: it could not be read
      range.unread = true;
      continue;
    }
    range.lowest_hz = std::min(range.lowest_hz.value_or(frequency.hz()), frequency.hz());
    range.highest_hz = std::max(range.highest_hz.value_or(frequency.hz()), frequency.hz());
  }
}

void TakeTemperatures(const v1::Conditions& now, std::vector<TemperatureRange>& zones) {
  for (const v1::Conditions::Temperature& temperature : now.temperatures()) {
    bool added = false;
    TemperatureRange& zone = Named(zones, &TemperatureRange::zone, temperature.zone(), &added);
    zone.end_c = temperature.millidegrees() * 1e-3;
    if (added) zone.begin_c = zone.highest_c = zone.end_c;
    zone.highest_c = std::max(zone.highest_c, zone.end_c);
  }
}

void TakeThrottles(const v1::Conditions& now, std::vector<ThrottleChange>& throttles) {
  for (const v1::Conditions::Throttle& throttle : now.throttles()) {
    bool added = false;
    ThrottleChange& change = Named(throttles, &ThrottleChange::what, throttle.what(), &added);
    change.end = throttle.value();
    if (added) change.begin = change.highest = change.end;
    change.highest = std::max(change.highest, change.end);
  }
}

}  // namespace

RunConditions ConditionsOf(const RunData& data, const std::vector<RailPower>& more) {
  RunConditions result;
  const std::optional<Stretch> measured = Measured(data);
  for (const v1::Conditions& now : data.conditions()) {
    const bool after = measured && now.at_ns() > measured->end_ns;
    if (!after) TakeClocks(now, measured && now.at_ns() <= measured->begin_ns, result.clocks);
    TakeTemperatures(now, result.temperatures);
    TakeThrottles(now, result.throttles);
  }
  result.clock_changes = data.clock_changes();
  const std::vector<v1::PhaseChange>& phases = data.phases();
  // Without --idle the board is still only for as long as its sensors need: too short to say what
  // it draws then.
  if (phases.empty() || !(data.header()->job().idle_s() > 0)) return result;
  std::vector<RailPower> power = data.Power();
  power.insert(power.end(), more.begin(), more.end());
  if (phases.front().phase() == v1::PHASE_IDLE && phases.size() > 1) {
    result.idle_before = IdleOf(data, power, WithoutChirps(data, SpanOf(data, 0)));
  }
  if (phases.back().phase() == v1::PHASE_IDLE && phases.size() > 1) {
    const std::optional<Stretch> after =
        AtMost(SpanOf(data, phases.size() - 1), data.header()->job().idle_s());
    result.idle_after = IdleOf(data, power, WithoutChirps(data, after));
  }
  return result;
}

}  // namespace synergy
