#include "common/attribution/rail_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "common/attribution/rail_cycle.h"
#include "common/attribution/rail_fitting.h"

namespace synergy {
namespace {

// Rounds of windows and powers, each from the other.
constexpr int kRounds = 30;
// Until the readings are explained hardly better than before: once, where the powers want the
// windows no further away than this, or hardly nearer than in the round before, else so many times.
constexpr double kStandstill = 0.98;
constexpr double kSettledPlaceUs = 0.15;
constexpr int kStillRounds = 8;
// From here on, in steps, rounding included, other cycles are tried.
constexpr double kDoubtfulNoise = 1;
// A cycle is none where the powers want its conversions this far away, rms: where they vary by 10 %
// and durations by 20 % it is 2 us, of wrong cycles 10 to 30 us.
constexpr double kUnsettledPlaceUs = 5;

// A sensor's delay is looked for in steps of a quarter of a period, between these.
constexpr double kDelayStepNs = 1e6;
constexpr double kLeastDelayStepNs = 100e3;
// With the conversions known it is found again, so often.
constexpr int kMostDelayMoves = 2;

// Channels of a chip differ in their noise by this share, as one standard deviation.
constexpr double kNoiseApart = 0.1;
// The mean over this many time constants of a filter is much what it shows.
constexpr double kFilterReach = 2;
// Standard deviations by which a reading of a voltage must be away from a conversion's end.
constexpr double kVoltageMargin = 4;

// As a noise.
constexpr double kNotFound = std::numeric_limits<double>::infinity();

void FitKnown(RailFitting* rail) {
  if (rail->is_known() || rail->FitSmeared()) rail->FitKnown();
}

bool IsKnown(const v1::Window& window) {
  return window.stamps_are_window() || (window.slot_s() > 0 && window.period_s() > 0);
}

// Of all rails together, steps.
double NoiseOf(const Rails& rails) {
  double product = 1;
  for (const RailFitting* rail : rails) product *= rail->sd_steps();
  return std::pow(product, 1 / static_cast<double>(rails.size()));
}

}  // namespace

CycleFit::CycleFit(size_t rails) : rails_(rails) {}
CycleFit::CycleFit(const CycleFit&) = default;
CycleFit::~CycleFit() = default;

// One for all: they come from one chip. A single rail would find one now and then where none is.
double CycleFit::FindDelay(const RunCourse& course, const Rails& rails) {
  const double period_ns = 1e9 * rails.front()->window().period_s();
  const double step_ns = std::clamp(period_ns / 4, kLeastDelayStepNs, kDelayStepNs);
  const auto misfit_at = [&](double steps) {
    double misfit = 0;
    for (const RailFitting* rail : rails) misfit += rail->MisfitAt(steps * step_ns).value_or(0);
    return misfit;
  };
  const double none = misfit_at(0), most = RailFitting::kMostDelayNs / step_ns;
  double best = none, found = 0;
  const auto look_at = [&](double steps) {
    if (!(steps > 0) || steps > most) return;
    const double misfit = misfit_at(steps);
    if (misfit >= best) return;
    best = misfit;
    found = steps;
  };
  // Windows that are a period long hardly tell two steps apart: first every second one.
  for (double steps = 2; steps <= most; steps += 2) look_at(steps);
  const double near = found;
  look_at(near - 1);
  look_at(near + 1);
  const double clearly = RailFitting::ClearlyLikelier(rails.size() * course.categories());
  return none - best < clearly ? 0 : found * step_ns;
}

struct CycleFit::Found {
  std::vector<RailFitting> rails;
  std::optional<CycleState> cycle;
  std::vector<KnownCycle> cycles;
};

CycleFit::Found CycleFit::Now() const { return {rails_, cycle_, cycles_}; }

void CycleFit::BackTo(const Found& found) {
  std::ranges::copy(found.rails, rails_.begin());
  cycle_ = found.cycle;
  cycles_ = found.cycles;
}

// A delay may have been found where there is none: an oscillator far off looks like one. One of
// less than half a period is left to ReadDelay, which tells the two apart, but where no cycle is
// found without it. Where no cycle holds, the windows stay smeared.
void CycleFit::FitFreeRunning(const RunCourse& course, const Rails& rails, double delay_ns) {
  const Found start = Now();
  const double noise = TryCycles(course, rails);
  if (noise < kDoubtfulNoise) return;
  const Found found = noise < kNotFound ? Now() : start;
  BackTo(start);
  if (delay_ns == 0) return BackTo(found);
  const double now_ns = rails.front()->delay_ns();
  for (RailFitting* rail : rails) {
    rail->AddDelay(now_ns == 0 ? delay_ns : -now_ns);
    rail->FitSmeared();
  }
  if (TryCycles(course, rails) >= noise) BackTo(found);
}

// Where the readings are not explained to a step or so, or few are, another cycle may explain them
// better than one that fits the first piece by chance. The noise that is left, steps.
double CycleFit::TryCycles(const RunCourse& course, const Rails& rails) {
  const Found start = Now();
  std::vector<CycleState> found = RailCycle(rails, ReadsOf(course, rails)).Find();
  if (found.empty()) return kNotFound;
  double least_noise = SettleCycle(course, rails, found.front());
  if (least_noise < kDoubtfulNoise) return least_noise;
  Found best = Now();
  const CycleState first = found.front();
  if (found.size() == 1) {
    BackTo(start);
    found = RailCycle(rails, ReadsOf(course, rails)).Find(true);
  }
  for (const CycleState& other : found) {
    if (HaveSamePeriod(other, first)) continue;
    BackTo(start);
    const double noise = SettleCycle(course, rails, other);
    if (noise >= least_noise) continue;
    least_noise = noise;
    best = Now();
  }
  BackTo(best);
  return least_noise;
}

double CycleFit::SettleCycle(const RunCourse& course, const Rails& rails, const CycleState& found) {
  std::vector<CycleRead> reads = ReadsOf(course, rails);
  ConversionTimes times;
  int moves = 0;
  int still = 0;
  double least_noise = 0, off_before_us = 0;
  for (int round = 0; round < kRounds; ++round) {
    const RailCycle cycle(rails, reads);
    times = cycle_ ? cycle.Follow(*cycle_) : cycle.Track(found);
    // What is but found is held against powers that are hardly known.
    const bool may_move = cycle_ && moves < kMostDelayMoves;
    const double longer_ns = may_move ? cycle.DelayError(times) : 0;
    if (longer_ns != 0) {
      for (RailFitting* rail : rails) rail->AddDelay(longer_ns);
      reads = ReadsOf(course, rails);
      cycle_ = times.middle;
      ++moves;
      round = -1;
      continue;
    }
    double off_us = 0;
    for (uint32_t reg = 0; reg < rails.size(); ++reg) {
      rails[reg]->FitConversions(reads, times, reg, static_cast<FitStage>(std::min(round, 2)));
      off_us = std::max(off_us, rails[reg]->places_off_us());
    }
    cycle_ = times.middle;
    const double noise = NoiseOf(rails);
    still = round > 0 && noise > kStandstill * least_noise ? still + 1 : 0;
    if (still == 0) least_noise = noise;
    const bool is_near =
        off_us < kSettledPlaceUs || (round > 1 && off_us > kStandstill * off_before_us);
    if (still >= (is_near ? 1 : kStillRounds)) break;
    off_before_us = off_us;
  }
  FitLast(reads, times, rails);
  ShareNoise(rails);
  FitLast(reads, times, rails);
  const bool is_settled = std::ranges::all_of(
      rails, [](const RailFitting* rail) { return rail->places_off_us() < kUnsettledPlaceUs; });
  return is_settled && !HasFewCertain(times) ? NoiseOf(rails) : kNotFound;
}

void CycleFit::FitLast(const std::vector<CycleRead>& reads, const ConversionTimes& times,
                       const Rails& rails) {
  for (uint32_t reg = 0; reg < rails.size(); ++reg) {
    rails[reg]->FitConversions(reads, times, reg, FitStage::kLast);
  }
  NoteCycles(times, reads);
  cycle_ = times.last;
}

void CycleFit::FollowFreeRunning(const RunCourse& course, const Rails& rails) {
  for (RailFitting* rail : rails) {
    rail->FollowDrift();
    if (rail->EraseStuck()) rail->FollowDrift();
  }
  const std::vector<CycleRead> reads = ReadsOf(course, rails);
  if (reads.empty()) {
    for (RailFitting* rail : rails) rail->FitIdle();
    return;
  }
  const RailCycle cycle(rails, reads);
  FitLast(reads, cycle.Follow(*cycle_), rails);
}

void CycleFit::AddPart(const RunCourse& course, const SlowDrift& drift,
                       const std::vector<const RailReadings*>& readings, const Remapping* map) {
  Rails first, fresh, unlocked, locked;
  for (size_t i = 0; i < rails_.size(); ++i) {
    RailFitting& rail = rails_[i];
    rail.BeginPart(course, drift, *readings[i], map);
    if (readings[i]->readings.empty()) {
      if (!rail.is_known()) rail.SayWhyNot("no readings of its current or power");
      continue;
    }
    const v1::Window& window = rail.window();
    if (!IsKnown(window)) {
      rail.SayWhyNot("it is not known which span of time its readings integrate");
    } else if (window.stamps_are_window()) {
      if (!rail.is_known()) first.push_back(&rail);
      FitKnown(&rail);
    } else if (window.average() > 1) {
      rail.FitFiltered();  // its noise is the model's, more than the chip's
    } else if (rail.is_known() && rail.windows() == WindowKind::kFitted) {
      locked.push_back(&rail);
    } else if (rail.is_known()) {
      rail.FitSmeared();
    } else {
      fresh.push_back(&rail);
    }
  }
  const double delay_ns = fresh.empty() ? 0 : FindDelay(course, fresh);
  const bool is_clear = !fresh.empty() && 2e-9 * delay_ns >= fresh.front()->window().period_s();
  for (RailFitting* rail : fresh) {
    if (is_clear) rail->AddDelay(delay_ns);
    if (rail->FitSmeared()) unlocked.push_back(rail);
  }
  if (!locked.empty()) FollowFreeRunning(course, locked);
  if (!unlocked.empty() && !cycle_) FitFreeRunning(course, unlocked, delay_ns);
  if (first.size() > 1) {
    ShareNoise(first);
    for (RailFitting* rail : first) FitKnown(rail);
  }
  for (RailFitting& rail : rails_) rail.Settle();
}

// One converter reads all of a chip's channels. A rail that hardly moves does not tell its noise
// from where it stands between two steps: the one that knows it best tells it. One that moves may
// have more, where the power of its operators varies, but not less: in long operators of constant
// power it knows it badly.
void CycleFit::ShareNoise(const Rails& rails) {
  RailFitting::NoiseEstimate best;
  const RailFitting* of = nullptr;
  for (const RailFitting* rail : rails) {
    if (!rail->has_fit()) continue;
    const RailFitting::NoiseEstimate own = rail->OwnNoise();
    if (!(own.information > best.information)) continue;
    best = own;
    of = rail;
  }
  if (of == nullptr) return;
  const double sd = std::hypot(kNoiseApart * best.steps, 1 / std::sqrt(best.information));
  for (RailFitting* rail : rails) {
    if (rail == of || !rail->has_fit()) continue;
    if (rail->HardlyMoves() || rail->OwnNoise().steps < best.steps) rail->SetNoise(best.steps, sd);
  }
}

void CycleFit::NoteCycles(const ConversionTimes& times, const std::vector<CycleRead>& reads) {
  const double offset = rails_.front().window().offset();
  cycles_.clear();
  for (size_t i = 0; i < reads.size(); ++i) {
    const ConversionTime& time = times.reads[i];
    if (reads[i].reg != 0 || !time.certain) continue;
    cycles_.push_back({.begin_ns = time.end_ns - offset * time.period_ns,
                       .period_ns = time.period_ns,
                       .sd_ns = time.sd_ns});
  }
}

// Where it is not known when the chip converted, it was somewhere in the period before the read:
// what ran then is on average what it saw.
std::optional<CycleFit::TimeWindow> CycleFit::WindowOf(const VoltageReading& reading,
                                                       const v1::Window& window) const {
  const double delay_ns = rails_.front().delay_ns();
  if (window.stamps_are_window()) return TimeWindow{reading.begin_ns, reading.end_ns};
  const double begin_ns = reading.begin_ns - delay_ns, end_ns = reading.end_ns - delay_ns;
  if (cycles_.empty()) {
    const double periods = window.average() > 1 ? kFilterReach * window.average() : 1;
    const double at_ns = 0.5 * (begin_ns + end_ns);
    return TimeWindow{at_ns - std::max(1e9 * periods * window.period_s(), 1.0), at_ns};
  }
  auto near = std::ranges::upper_bound(cycles_, begin_ns, {}, &KnownCycle::begin_ns);
  if (near != cycles_.begin()) --near;
  const double first_ns = near->begin_ns + window.offset() * near->period_ns;
  const double conversion_ns =
      first_ns + near->period_ns * std::floor((begin_ns - first_ns) / near->period_ns);
  const double margin_ns = kVoltageMargin * near->sd_ns;
  if (begin_ns - conversion_ns < margin_ns ||
      conversion_ns + near->period_ns - end_ns < margin_ns) {
    return std::nullopt;
  }
  const double slot_ns = window.slot_s() / window.period_s() * near->period_ns;
  return TimeWindow{conversion_ns - slot_ns, conversion_ns};
}

RailFitting& CycleFit::rail(size_t i) { return rails_[i]; }

void CycleFit::EndPart() {
  for (RailFitting& rail : rails_) rail.EndPart();
  cycles_.clear();
}

std::vector<RailFit> CycleFit::Result() const {
  std::vector<RailFit> fits;
  for (const RailFitting& rail : rails_) fits.push_back(rail.Result());
  return fits;
}

}  // namespace synergy
