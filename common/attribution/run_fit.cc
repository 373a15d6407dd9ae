#include "common/attribution/run_fit.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "common/attribution/power_integral.h"
#include "common/attribution/rail_fitting.h"
#include "common/attribution/run_checks.h"
#include "common/attribution/timeline.h"
#include "common/clock.h"

namespace synergy {
namespace {

// A part is full with so many readings of a channel, or markers of operators. The first one must
// tell where a chip's conversions lie: with a third of it some boards had another cycle found,
// which fitted as well at first. What is kept of each is as large as the network's matrices.
constexpr size_t kFirstReadings = 49'152;
constexpr size_t kLaterReadings = 16'384;
constexpr size_t kPartMarkers = 1 << 20;
// Nothing older comes once there is a marker this much newer: the lanes of an engine's threads and
// the channels are drained in turns.
constexpr Nanoseconds kSlack = Seconds(1);
// A part's course begins so much earlier than the part, at least; periods, time constants of a
// filter (what is older is below 1e-5 of it), lengths of the longest window.
constexpr Nanoseconds kLeastContext = Milliseconds(50);
constexpr double kContextPeriods = 4;
constexpr double kContextDecays = 12;
constexpr double kContextWindows = 2;
// Readings of a voltage that are looked at: it is one line, for all operators.
constexpr size_t kFirstVoltages = 6'000;
constexpr size_t kLaterVoltages = 256;
// Readings that are kept from before it, for a value between two.
constexpr size_t kKeptReadings = 2;

// Rails whose registers one chip converts in turns, by their places in `readings`.
std::vector<std::vector<size_t>> CyclesOf(const std::vector<RailReadings>& readings) {
  std::map<std::string, std::vector<size_t>> named;
  std::vector<std::vector<size_t>> cycles;
  for (size_t i = 0; i < readings.size(); ++i) {
    const std::string& cycle = readings[i].channel.window().cycle();
    if (cycle.empty()) {
      cycles.push_back({i});
    } else {
      named[cycle].push_back(i);
    }
  }
  for (auto& [name, members] : named) cycles.push_back(std::move(members));
  return cycles;
}

// By how much a reading's window may begin before its end.
double ReachNs(const RailReadings& rail) {
  const v1::Window& window = rail.channel.window();
  double longest = 0;
  for (const StepReading& r : rail.readings) longest = std::max(longest, r.end_ns - r.begin_ns);
  const double period_ns = 1e9 * window.period_s() * (1 + window.period_tolerance());
  const double decay_ns = window.average() > 1 ? window.average() * period_ns : 0;
  return kContextWindows * longest + kContextPeriods * period_ns + kContextDecays * decay_ns;
}

}  // namespace

// Some markers more.
void RunFit::Scan(const RunData& data) {
  constexpr size_t kAtOnce = 4096;
  const size_t until = std::min(scanned_ + kAtOnce, data.markers().size());
  for (; scanned_ < until; ++scanned_) {
    const Marker& m = data.markers()[scanned_];
    if (m.phase != v1::PHASE_MEASURE) continue;
    if (m.op == kOpNet) {
      newest_ns_ = std::max(newest_ns_, m.end_ns);
      if (has_part_ && m.end_ns <= part_.end_ns) continue;
      iteration_ends_.insert(std::ranges::upper_bound(iteration_ends_, m.end_ns), m.end_ns);
    } else if (m.op < kOpClock) {
      first_measured_ns_ = std::min(first_measured_ns_, m.begin_ns);
      if (has_part_ && m.end_ns <= part_.end_ns) continue;
      if (++operators_ == kPartMarkers) crowded_ns_ = m.end_ns;
    }
  }
}

std::optional<int64_t> RunFit::NextEnd(const RunData& data) const {
  const int64_t begin_ns = has_part_ ? part_.end_ns : first_measured_ns_;
  const size_t count = has_part_ ? kLaterReadings : kFirstReadings;
  std::optional<int64_t> full_ns = crowded_ns_;
  for (const auto& [channel, readings] : data.readings()) {
    const auto first = std::ranges::upper_bound(readings, begin_ns, {}, &Middle);
    if (readings.end() - first < static_cast<ptrdiff_t>(count)) continue;
    const int64_t at_ns = Middle(first[static_cast<ptrdiff_t>(count) - 1]);
    full_ns = std::min(full_ns.value_or(at_ns), at_ns);
  }
  if (!full_ns) return std::nullopt;
  const auto end = std::ranges::lower_bound(iteration_ends_, *full_ns);
  if (end == iteration_ends_.end() || newest_ns_ < *end + kSlack.count) return std::nullopt;
  const bool has_all = std::ranges::all_of(data.readings(), [&](const auto& channel) {
    return !channel.second.empty() && channel.second.back().begin_ns > *end;
  });
  return has_all ? std::optional(*end) : std::nullopt;
}

void RunFit::Advance(const RunData& data) {
  if (data.header() == nullptr) return;
  for (;;) {
    if (const std::optional<int64_t> end_ns = NextEnd(data)) {
      AddPart(data, *end_ns, false);
    } else if (scanned_ < data.markers().size()) {
      Scan(data);
    } else {
      return;
    }
  }
}

RunPart RunFit::NextPart(const RunData& data, int64_t end_ns) const {
  RunPart part = has_part_ ? part_ : WholeOf(data);
  part.end_ns = end_ns;
  if (!has_part_) return part;
  part.begin_ns = part_.end_ns;
  int64_t context_ns = kLeastContext.count;
  for (const Rail& rail : rails_) context_ns = std::max(context_ns, rail.context_ns);
  part.context_ns = std::max(part.origin_ns, part.begin_ns - context_ns);
  while (part.first_marker < data.markers().size() &&
         data.markers()[part.first_marker].end_ns < part.context_ns) {
    ++part.first_marker;
  }
  return part;
}

void RunFit::AddPart(const RunData& data, int64_t end_ns, bool is_last) {
  const RunCourse course = CourseOf(data, NextPart(data, end_ns));
  const std::vector<RailReadings> readings = ReadingsOf(data, course.part);
  const double end = course.occupancy.end_ns();
  const SlowDrift drift = drift_ ? drift_->ExtendedTo(end) : SlowDrift(0, end);
  std::optional<Remapping> map;
  const bool is_as_before = has_part_ && part_.ops == course.ops() && *drift_ == drift;
  if (has_part_ && !is_as_before) map.emplace(part_.ops, *drift_, course.ops(), drift);
  const Remapping* const remapping = map ? &*map : nullptr;
  if (!has_part_) Prepare(readings);
  totals_.Add(course, drift, remapping);
  for (size_t i = 0; i < cycles_.size() && !course.ops().empty(); ++i) {
    std::vector<const RailReadings*> inputs;
    for (const size_t rail : cycles_[i]) inputs.push_back(&readings[rail]);
    fits_[i].AddPart(course, drift, inputs, remapping);
  }
  if (!course.ops().empty()) AddVoltages(course, readings);
  for (CycleFit& fit : fits_) fit.EndPart();
  NoteContext(readings);
  drift_ = drift;
  part_ = course.part;
  has_part_ = true;
  AddIntegrals(data, is_last);
  scanned_ = part_.first_marker;
  operators_ = 0;
  crowded_ns_.reset();
  iteration_ends_.clear();
}

void RunFit::Prepare(const std::vector<RailReadings>& readings) {
  for (const RailReadings& rail : readings) {
    Rail& out = rails_.emplace_back();
    out.name = rail.rail;
    out.gain_tolerance = rail.gain_tolerance;
    out.volts_a_step = rail.voltage_channel.scale();
  }
  voltages_.resize(rails_.size());
  cycles_ = CyclesOf(readings);
  for (const auto& cycle : cycles_) fits_.emplace_back(cycle.size());
}

void RunFit::NoteContext(const std::vector<RailReadings>& readings) {
  for (size_t i = 0; i < rails_.size(); ++i) {
    const auto reach_ns = static_cast<int64_t>(ReachNs(readings[i]));
    rails_[i].context_ns = std::max(rails_[i].context_ns, reach_ns);
  }
}

void RunFit::AddVoltages(const RunCourse& course, const std::vector<RailReadings>& readings) {
  std::vector<RailFitting*> rails(rails_.size());
  std::vector<const CycleFit*> of_rail(rails_.size());
  for (size_t i = 0; i < cycles_.size(); ++i) {
    for (size_t k = 0; k < cycles_[i].size(); ++k) {
      rails[cycles_[i][k]] = &fits_[i].rail(k);
      of_rail[cycles_[i][k]] = &fits_[i];
    }
  }
  std::vector<double> currents(rails.size());
  for (size_t i = 0; i < rails.size(); ++i) {
    const std::vector<VoltageReading>& all = readings[i].voltage;
    const size_t most = has_part_ ? kLaterVoltages : kFirstVoltages;
    const size_t one_in = std::max<size_t>(1, all.size() / most);
    const CycleFit& cycle = *of_rail[i];
    std::vector<const PowerCourse*> powers;
    for (RailFitting* rail : rails) powers.push_back(&rail->Course());
    size_t near = 0;
    for (size_t k = 0; k < all.size(); k += one_in) {
      const auto window = cycle.WindowOf(all[k], readings[i].voltage_channel.window());
      if (!window || !course.IsUsable(window->begin_ns, window->end_ns)) {
        voltages_[i].AddAlone(all[k].steps);
        continue;
      }
      for (size_t j = 0; j < rails.size(); ++j) {
        const double steps = powers[j]->Over(window->begin_ns, window->end_ns, &near).mean +
                             rails[j]->DriftAt(window->end_ns);
        currents[j] = rails[j]->scale() * steps;
      }
      voltages_[i].Add(all[k].steps, currents);
    }
    voltages_[i].EndPart();
  }
}

// In a part that is not the last one only until its last sample: what comes then is not there yet.
void RunFit::AddIntegrals(const RunData& data, bool is_last) {
  const std::vector<RailPower> power = data.Power(part_.context_ns, part_.end_ns);
  for (size_t i = 0; i < rails_.size() && !part_.ops.empty(); ++i) {
    Rail& rail = rails_[i];
    const std::vector<PowerSample>& samples = power[i].samples;
    if (samples.empty()) continue;
    if (!rail.first_ns) rail.first_ns = samples.front().begin_ns();
    rail.last_ns = samples.back().end_ns();
    int64_t until_ns = part_.measured_end_ns;
    if (!is_last) {
      const auto after = std::ranges::upper_bound(samples, part_.end_ns, {}, &PowerSample::at_ns);
      if (after == samples.begin()) continue;
      until_ns = std::min(until_ns, std::prev(after)->at_ns);
    }
    const int64_t from_ns = rail.integrated_until_ns.value_or(part_.measured_begin_ns);
    if (until_ns <= from_ns) continue;
    PowerIntegral integral(samples, from_ns);
    for (const Span& span : DecidingSpans(data)) {  // its energy is that of no iteration
      if (span.end_ns <= from_ns || span.begin_ns >= until_ns) continue;
      rail.joules += integral.Advance(std::max(span.begin_ns, from_ns));
      integral.Advance(std::min(span.end_ns, until_ns));
    }
    rail.joules += integral.Advance(until_ns);
    rail.integrated_until_ns = until_ns;
  }
}

std::optional<double> RunFit::IntegralOf(const Rail& rail) const {
  if (!rail.first_ns || part_.measured_begin_ns < *rail.first_ns - kMaxHold.count ||
      part_.measured_end_ns > *rail.last_ns + kMaxHold.count) {
    return std::nullopt;
  }
  return rail.joules;
}

void RunFit::Trim(RunData* data) {
  if (!has_part_) return;
  const RunPart next = NextPart(*data, part_.end_ns);
  std::map<uint32_t, size_t> readings;
  for (const auto& [channel, all] : data->readings()) {
    const auto first = std::ranges::lower_bound(all, next.context_ns, {}, &Middle);
    const auto before = static_cast<size_t>(first - all.begin());
    readings[channel] = before - std::min(before, kKeptReadings);
  }
  data->Forget(next.first_marker, readings);
  scanned_ -= std::min(scanned_, next.first_marker);
  part_.first_marker = 0;
}

LeastSquares RunFit::Finish(const RunData& data) const {
  RunFit all = *this;
  if (const int64_t end_ns = WholeOf(data).end_ns; !has_part_ || end_ns > part_.end_ns) {
    all.AddPart(data, end_ns, true);
  }
  LeastSquares result;
  result.ops = all.totals_.ops;
  result.rails.resize(all.rails_.size());
  std::vector<RailFit> fits(all.rails_.size());
  for (size_t i = 0; i < all.cycles_.size(); ++i) {
    std::vector<RailFit> of_cycle = all.fits_[i].Result();
    for (size_t k = 0; k < of_cycle.size(); ++k) fits[all.cycles_[i][k]] = std::move(of_cycle[k]);
  }
  const Eigen::MatrixXd currents = CurrentsOf(all.totals_, fits);
  for (size_t i = 0; i < fits.size(); ++i) {
    const Rail& rail = all.rails_[i];
    RailEnergy& out = result.rails[i];
    if (result.ops.empty()) {
      out.why_not = "no operator was measured";
    } else {
      const bool has_voltage = rail.volts_a_step > 0;
      out = EnergiesOf(
          all.totals_, fits[i],
          {.voltage = has_voltage ? all.voltages_[i].Result(rail.volts_a_step) : VoltageFit(),
           .currents = currents,
           .rail = static_cast<Eigen::Index>(i)});
      out.integral_j = all.IntegralOf(rail);
    }
    out.rail = rail.name;
    out.calibration = rail.gain_tolerance;
  }
  return result;
}

}  // namespace synergy
