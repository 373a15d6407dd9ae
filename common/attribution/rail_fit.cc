#include "common/attribution/rail_fit.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/attribution/rail_fitting.h"

namespace synergy {
namespace {

// Rounds of windows and powers, each from the other.
constexpr int kRounds = 5;

using Rails = std::vector<std::unique_ptr<RailFitting>>;

// The readings of all rails in the measured iterations whose windows are free of setup and warm-up
// wherever they lie. Idle phases say nothing of when a conversion was.
std::vector<CycleRead> ReadsOf(const RunCourse& course, const Rails& rails) {
  std::vector<CycleRead> reads;
  for (uint32_t reg = 0; reg < rails.size(); ++reg) {
    const v1::Window& w = rails[reg]->window();
    const double reach_ns = 1e9 * (w.period_s() * (1 + w.period_tolerance()) + w.slot_s());
    for (const StepReading& r : rails[reg]->input().readings) {
      const double begin_ns = r.begin_ns - reach_ns;
      if (r.end_ns < course.measure_begin || begin_ns > course.measure_end) continue;
      if (!rails[reg]->IsUsable(begin_ns, r.end_ns)) continue;
      reads.push_back(
          {.reg = reg, .earliest_ns = r.begin_ns, .latest_ns = r.end_ns, .value = r.steps});
    }
  }
  std::ranges::stable_sort(reads, {}, &CycleRead::earliest_ns);
  return reads;
}

std::optional<ConversionTimes> TimesOf(const Rails& rails, const std::vector<CycleRead>& reads,
                                       const std::optional<ConversionTimes>& before) {
  const v1::Window& window = rails.front()->window();
  const CycleNominal nominal{.period_ns = window.period_s() * 1e9,
                             .tolerance = window.period_tolerance()};
  std::vector<PowerCourse> courses;
  courses.reserve(rails.size());
  std::vector<CycleRegister> registers;
  for (const auto& rail : rails) {
    courses.push_back(rail->Course());
    registers.push_back({.slot_share = rail->slot_share(),
                         .offset = rail->window().offset(),
                         .noise = rail->sd_steps(),
                         .course = &courses.back()});
  }
  std::vector<CycleRead> without_drift = reads;
  for (CycleRead& read : without_drift) read.value -= rails[read.reg]->DriftAt(read.earliest_ns);
  return before ? TrackConversionTimes(nominal, registers, without_drift, *before)
                : FindConversionTimes(nominal, registers, without_drift);
}

void FitFreeRunning(const RunCourse& course, const Rails& rails) {
  const std::vector<CycleRead> reads = ReadsOf(course, rails);
  std::optional<ConversionTimes> times;
  for (int round = 0; round < kRounds; ++round) {
    times = TimesOf(rails, reads, times);
    if (!times) return;  // they stay smeared
    for (uint32_t reg = 0; reg < rails.size(); ++reg) {
      rails[reg]->FitConversions(reads, *times, reg, round + 1 == kRounds);
    }
  }
}

bool IsKnown(const v1::Window& window) {
  return window.stamps_are_window() || (window.slot_s() > 0 && window.period_s() > 0);
}

}  // namespace

std::vector<RailFit> FitRails(const RunCourse& course, const SlowDrift& drift,
                              const std::vector<const RailReadings*>& inputs) {
  std::vector<RailFit> fits(inputs.size());
  Rails free_running;
  std::vector<size_t> places;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const v1::Window& window = inputs[i]->channel.window();
    auto rail = std::make_unique<RailFitting>(course, drift, *inputs[i]);
    if (inputs[i]->readings.empty() || !IsKnown(window)) {
      fits[i] = rail->Take();
      fits[i].why_not = inputs[i]->readings.empty()
                            ? "no readings of its current or power"
                            : "it is not known which span of time its readings integrate";
      continue;
    }
    if (window.stamps_are_window()) {
      if (rail->FitSmeared()) rail->FitKnown();
    } else if (window.average() > 1) {
      rail->FitFiltered();
    } else if (rail->FitSmeared()) {
      free_running.push_back(std::move(rail));
      places.push_back(i);
      continue;
    }
    rail->FitVoltage();
    fits[i] = rail->Take();
  }
  if (!free_running.empty()) FitFreeRunning(course, free_running);
  for (size_t i = 0; i < places.size(); ++i) {
    free_running[i]->FitVoltage();
    fits[places[i]] = free_running[i]->Take();
  }
  return fits;
}

}  // namespace synergy
