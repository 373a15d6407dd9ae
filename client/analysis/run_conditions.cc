#include "client/analysis/run_conditions.h"

#include <algorithm>

#include "common/attribution/power_integral.h"

namespace synergy {
namespace {

struct Span {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

// The phase at `i` up to the next one, or to the run's end; nothing where that is not known.
std::optional<Span> SpanOf(const RunData& data, size_t i) {
  const std::vector<v1::PhaseChange>& phases = data.phases();
  const int64_t begin = phases[i].at_ns();
  if (i + 1 < phases.size()) return Span{begin, phases[i + 1].at_ns()};
  if (data.end() == nullptr) return std::nullopt;
  return Span{begin, data.end()->end_ns()};
}

std::optional<Span> Measured(const RunData& data) {
  for (size_t i = 0; i < data.phases().size(); ++i) {
    if (data.phases()[i].phase() == v1::PHASE_MEASURE) return SpanOf(data, i);
  }
  return std::nullopt;
}

// Between the first and the last sample of the span: what lies outside them is not known.
std::optional<double> MeanPower(const std::vector<PowerSample>& samples, const Span& span) {
  const auto first = std::ranges::lower_bound(samples, span.begin_ns, {}, &PowerSample::at_ns);
  const auto end = std::ranges::upper_bound(samples, span.end_ns, {}, &PowerSample::at_ns);
  if (first >= end || first->at_ns >= (end - 1)->at_ns) return std::nullopt;
  const std::vector<PowerSample> inside(first, end);
  const int64_t begin_ns = inside.front().at_ns, end_ns = inside.back().at_ns;
  return PowerIntegral(inside, begin_ns).Advance(end_ns) /
         (1e-9 * static_cast<double>(end_ns - begin_ns));
}

std::optional<IdlePower> IdleOf(const std::vector<RailPower>& power, std::optional<Span> span) {
  if (!span || span->end_ns <= span->begin_ns) return std::nullopt;
  IdlePower idle{.time_s = 1e-9 * static_cast<double>(span->end_ns - span->begin_ns)};
  for (const RailPower& rail : power) idle.power_w.push_back(MeanPower(rail.samples, *span));
  return idle;
}

// Without the load patterns that the device played in it: the longest stretch before, between or
// after them.
std::optional<Span> WithoutChirps(const RunData& data, std::optional<Span> idle) {
  if (!idle) return idle;
  Span longest{idle->begin_ns, idle->begin_ns};
  Span rest = *idle;
  const auto keep = [&](const Span& span) {
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
  const std::optional<Span> measured = Measured(data);
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
    result.idle_before = IdleOf(power, WithoutChirps(data, SpanOf(data, 0)));
  }
  if (phases.back().phase() == v1::PHASE_IDLE && phases.size() > 1) {
    result.idle_after = IdleOf(power, WithoutChirps(data, SpanOf(data, phases.size() - 1)));
  }
  return result;
}

}  // namespace synergy
