#include "common/attribution/rail_cycle.h"

#include <algorithm>
#include <utility>

namespace synergy {
namespace {

// A cycle is lost where the readings differ from the course by so much more than before, or few
// conversions are beyond doubt.
constexpr double kLostMisfit = 2;
// With the conversions known a delay is found again, in steps of a period over this.
constexpr int kDelaySteps = 16;

bool IsLost(const ConversionTimes& times, double misfit_before) {
  return times.misfit > kLostMisfit * std::max(1.0, misfit_before) || HasFewCertain(times);
}

}  // namespace

std::vector<CycleRead> ReadsOf(const RunCourse& course, const Rails& rails) {
  std::vector<CycleRead> reads;
  std::vector<double> ahead_ns;  // by register
  const auto shows_earlier = [&](const CycleRead& a, const CycleRead& b) {
    return a.earliest_ns - ahead_ns[a.reg] < b.earliest_ns - ahead_ns[b.reg];
  };
  for (uint32_t reg = 0; reg < rails.size(); ++reg) {
    const v1::Window& w = rails[reg]->window();
    const double reach_ns = 1e9 * (w.period_s() * (1 + w.period_tolerance()) + w.slot_s());
    ahead_ns.push_back(1e9 * w.offset() * w.period_s());
    const auto before = static_cast<ptrdiff_t>(reads.size());
    // What is left of a fitted delay's error: such reads may show either of two conversions.
    const double doubt_ns = rails[reg]->delay_ns() == 0 ? 0 : 1e9 * w.period_s() / kDelaySteps;
    for (const StepReading& r : rails[reg]->readings()) {
      const double begin_ns = r.begin_ns - reach_ns;
      if (r.end_ns < course.measure_begin || begin_ns > course.measure_end) continue;
      if (!course.IsUsable(begin_ns, r.end_ns)) continue;
      reads.push_back({.reg = reg,
                       .earliest_ns = r.begin_ns - doubt_ns,
                       .latest_ns = r.end_ns + doubt_ns,
                       .value = r.steps});
    }
    std::inplace_merge(reads.begin(), reads.begin() + before, reads.end(), shows_earlier);
  }
  return reads;
}

bool HasFewCertain(const ConversionTimes& times) { return times.certain_share() < kLostCertain; }

RailCycle::RailCycle(const Rails& rails, const std::vector<CycleRead>& reads) : reads_(reads) {
  const v1::Window& window = rails.front()->window();
  nominal_ = {.period_ns = window.period_s() * 1e9, .tolerance = window.period_tolerance()};
  for (RailFitting* rail : rails) {
    registers_.push_back({.slot_share = rail->slot_share(),
                          .offset = rail->window().offset(),
                          .noise = rail->sd_steps(),
                          .course = &rail->Course()});
  }
  for (CycleRead& read : reads_) read.value -= rails[read.reg]->DriftAt(read.earliest_ns);
}

std::vector<CycleState> RailCycle::Find(bool all) const {
  return FindCycles(nominal_, registers_, reads_, all);
}

ConversionTimes RailCycle::Track(const CycleState& found) const {
  return TrackFound(nominal_, registers_, reads_, found);
}

double RailCycle::DelayError(const ConversionTimes& times) const {
  return ReadDelay(registers_, reads_, times, kDelaySteps);
}

ConversionTimes RailCycle::Follow(const CycleState& before) const {
  ConversionTimes times = TrackConversionTimes(nominal_, registers_, reads_, before);
  if (!IsLost(times, before.misfit)) return times;
  const std::vector<CycleState> found = Find();
  if (found.empty()) return times;
  ConversionTimes anew = Track(found.front());
  return IsLost(anew, before.misfit) ? times : anew;
}

}  // namespace synergy
