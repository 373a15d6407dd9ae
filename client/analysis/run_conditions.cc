#include "client/analysis/run_conditions.h"

#include <algorithm>

#include "common/attribution/mean_interval.h"
#include "common/attribution/power_integral.h"
#include "common/records/resolution.h"

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

// So long after a change a recursive filter still holds 5 % of it, a box nothing.
constexpr double kSettledWindows = 3;
// Of the stretch, whose means are taken for independent of each other.
constexpr int kBlocks = 10;
constexpr size_t kFewestInBlock = 2;

std::vector<PowerSample> Inside(const std::vector<PowerSample>& samples, const Span& span) {
  const auto first = std::ranges::lower_bound(samples, span.begin_ns, {}, &PowerSample::at_ns);
  const auto end = std::ranges::upper_bound(samples, span.end_ns, {}, &PowerSample::at_ns);
  return first < end ? std::vector<PowerSample>(first, end) : std::vector<PowerSample>();
}

// Between the first and the last sample: what lies outside them is not known.
std::optional<double> MeanPower(const std::vector<PowerSample>& inside) {
  if (inside.empty() || inside.front().at_ns >= inside.back().at_ns) return std::nullopt;
  const int64_t begin_ns = inside.front().at_ns, end_ns = inside.back().at_ns;
  return PowerIntegral(inside, begin_ns).Advance(end_ns) /
         (1e-9 * static_cast<double>(end_ns - begin_ns));
}

// Of the mean, from those of blocks; nothing where a block has too few samples.
std::optional<double> HalfWidth(const std::vector<PowerSample>& samples, const Span& span) {
  RunningMean means;
  for (int i = 0; i < kBlocks; ++i) {
    const int64_t length = (span.end_ns - span.begin_ns) / kBlocks;
    const std::vector<PowerSample> block =
        Inside(samples, {span.begin_ns + i * length, span.begin_ns + (i + 1) * length});
    const std::optional<double> mean = MeanPower(block);
    if (block.size() < kFewestInBlock || !mean) return std::nullopt;
    means.Add(*mean);
  }
  const MeanWithInterval result = means.Result();
  return result.ci95->high - result.mean;
}

// What makes a rail's readings: its power, current or counter of energy; null: none.
const v1::ChannelInfo* ChannelOf(const v1::RunHeader& header, const std::string& rail,
                                 bool voltage) {
  for (const v1::ChannelInfo& channel : header.channels()) {
    const bool is_voltage = channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE;
    if (channel.rail() == rail && is_voltage == voltage) return &channel;
  }
  return nullptr;
}

// One step of the sensor; 0 where the mean does not have it (counters), or it is not known.
double StepW(const RunData& data, const std::string& rail) {
  const v1::ChannelInfo* channel = ChannelOf(*data.header(), rail, false);
  if (channel == nullptr) return 0;
  if (channel->quantity() == v1::ChannelInfo::QUANTITY_POWER) return channel->scale();
  const v1::ChannelInfo* voltage = ChannelOf(*data.header(), rail, true);
  if (channel->quantity() != v1::ChannelInfo::QUANTITY_CURRENT || voltage == nullptr) return 0;
  const auto readings = data.readings().find(voltage->channel());
  if (readings == data.readings().end() || readings->second.empty()) return 0;
  const auto volts = static_cast<double>(readings->second.front().raw) * voltage->scale();
  return channel->scale() * volts;
}

// When the rail's readings no longer hold what was before the span.
int64_t SettledNs(const RunData& data, const std::string& rail, const Span& span) {
  const v1::ChannelInfo* channel = ChannelOf(*data.header(), rail, false);
  const std::optional<double> window_s =
      channel == nullptr ? std::nullopt : WindowLength(channel->window());
  return span.begin_ns + static_cast<int64_t>(1e9 * kSettledWindows * window_s.value_or(0));
}

std::optional<IdlePower> IdleOf(const RunData& data, const std::vector<RailPower>& power,
                                std::optional<Span> span) {
  if (!span || span->end_ns <= span->begin_ns) return std::nullopt;
  IdlePower idle{.time_s = 1e-9 * static_cast<double>(span->end_ns - span->begin_ns)};
  for (const RailPower& rail : power) {
    const Span settled{SettledNs(data, rail.rail, *span), span->end_ns};
    idle.power_w.push_back(MeanPower(Inside(rail.samples, settled)));
    std::optional<double> width = HalfWidth(rail.samples, settled);
    if (width) *width += StepW(data, rail.rail) / 2;
    idle.half_width_w.push_back(width);
  }
  return idle;
}

// The device idles so long, then plays load patterns, writes outputs and ends the engine.
std::optional<Span> AtMost(std::optional<Span> idle, double length_s) {
  if (idle) {
    idle->end_ns = std::min(idle->end_ns, idle->begin_ns + static_cast<int64_t>(1e9 * length_s));
  }
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
    result.idle_before = IdleOf(data, power, WithoutChirps(data, SpanOf(data, 0)));
  }
  if (phases.back().phase() == v1::PHASE_IDLE && phases.size() > 1) {
    const std::optional<Span> after =
        AtMost(SpanOf(data, phases.size() - 1), data.header()->job().idle_s());
    result.idle_after = IdleOf(data, power, WithoutChirps(data, after));
  }
  return result;
}

}  // namespace synergy
