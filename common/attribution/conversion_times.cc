#include "common/attribution/conversion_times.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "common/attribution/conversion_search.h"
#include "common/attribution/conversion_tracker.h"

namespace synergy {
namespace {

// Squares of residuals that another delay of the reads must save, and which share of those of the
// reads that then show another conversion.
constexpr double kClearGain = 30;
constexpr double kClearShare = 0.25;
// No other piece need be looked at: so clear, and so much clearer than any other period.
constexpr double kBeyondDoubt = 0.25;
constexpr double kBeyondRunnerUp = 2;
// Scores that differ by less are the same.
constexpr double kEquallyGood = 1e-3;
// Of two hypotheses, relative: a piece tells periods apart to a tenth of that.
constexpr double kSamePeriod = 3e-3;
// What is known from a round before is taken for less certain by this factor, and at least so
// uncertain: the course has changed since.
constexpr double kLoosened = 4;
constexpr double kLeastSdNs = 1e3;
constexpr double kLeastSdPeriod = 1e-6;  // relative
constexpr double kLeastSdDrift = 1e-10;  // of the period per cycle

bool IsBeyondDoubt(const FoundCycle& found) {
  return found.score < kBeyondDoubt && found.RunnerUp() > kBeyondRunnerUp * found.score;
}

// Whether most pieces have found the period of `best`: by chance no two would, but where all are
// equally good.
bool Agree(const std::vector<FoundCycle>& pieces, const FoundCycle& best) {
  if (best.RunnerUp() - best.score < kEquallyGood) return false;
  const auto count = std::ranges::count_if(
      pieces, [&](const FoundCycle& piece) { return best.HasPeriod(piece.phase.x[1]); });
  return static_cast<size_t>(count) + 1 >= ConversionSearch::kPieces;
}

CycleState StateOf(const ConversionTracker::Hypothesis& found) {
  const CyclePhase& phase = found.start.phase;
  return {.begin_ns = phase.x[0],
          .sd_ns = std::sqrt(phase.p(0, 0)),
          .period_ns = phase.x[1],
          .sd_period_ns = std::sqrt(phase.p(1, 1)),
          .covariance_ns2 = phase.p(0, 1),
          .drift_ns = phase.x[2],
          .sd_drift_ns = std::sqrt(phase.p(2, 2)),
          .wander = found.wander,
          .misfit = found.start.misfit};
}

// Each standard deviation: this many of the state's, at least that.
CyclePhase PhaseOf(const CycleState& state, double loosened, const Eigen::Vector3d& least) {
  CyclePhase phase;
  phase.x = {state.begin_ns, state.period_ns, state.drift_ns};
  const Eigen::Vector3d sd(state.sd_ns, state.sd_period_ns, state.sd_drift_ns);
  phase.p = (loosened * sd.cwiseMax(least)).cwiseAbs2().asDiagonal();
  return phase;
}

// The first read at the state's instant or behind it.
size_t ReadAt(const std::vector<CycleRead>& reads, const CycleState& state) {
  const auto at = std::ranges::find_if(
      reads, [&](const CycleRead& read) { return read.latest_ns >= state.begin_ns; });
  return std::min(static_cast<size_t>(at - reads.begin()), reads.size() - 1);
}

// Readings count for as little as they differ from the course in a piece: one wrong power beside an
// edge would lead away from the cycle for good, and a noise that is not known yet would be taken
// for a wandering period.
std::vector<CycleRegister> Rough(const std::vector<CycleRegister>& registers, double misfit) {
  std::vector<CycleRegister> rough = registers;
  for (CycleRegister& reg : rough) reg.noise *= std::sqrt(misfit);
  return rough;
}

}  // namespace

double ConversionTimes::certain_share() const {
  const auto certain = std::ranges::count_if(reads, &ConversionTime::certain);
  return static_cast<double>(certain) / static_cast<double>(std::max<size_t>(1, reads.size()));
}

std::vector<CycleState> FindCycles(const CycleNominal& nominal,
                                   const std::vector<CycleRegister>& registers,
                                   const std::vector<CycleRead>& reads, bool all) {
  if (registers.empty() || reads.size() < ConversionSearch::kPieceReads) return {};
  // While it is read for longer than a cycle, it may have shown any of two.
  const auto is_short = [&](const CycleRead& read) {
    return read.latest_ns - read.earliest_ns < nominal.period_ns;
  };
  if (std::ranges::none_of(reads, is_short)) return {};
  const ConversionSearch search(nominal, registers, reads);
  std::vector<FoundCycle> pieces;
  while (pieces.size() < ConversionSearch::kPieces) {
    pieces.push_back(search.Piece(pieces.size()));
    const FoundCycle& last = pieces.back();
    if (all || !IsBeyondDoubt(last)) continue;
    const std::vector<CycleRegister> rough = Rough(registers, last.misfit);
    return {StateOf(ConversionTracker(nominal, rough, reads).Weigh(last))};
  }
  const FoundCycle best = *std::ranges::min_element(pieces, {}, &FoundCycle::score);
  const std::vector<CycleRegister> rough = Rough(registers, best.misfit);
  const ConversionTracker tracker(nominal, rough, reads);
  const bool agree = Agree(pieces, best);
  std::vector<ConversionTracker::Hypothesis> hypotheses;
  for (const FoundCycle& piece : pieces) {
    const bool is_clear = piece.score <= ConversionSearch::kClearlyBetter;
    if (!is_clear && !(agree && best.HasPeriod(piece.phase.x[1]))) continue;
    hypotheses.push_back(tracker.Weigh(piece));
    hypotheses.push_back(tracker.Weigh(search.Around(piece)));
  }
  std::ranges::sort(hypotheses, std::greater(), &ConversionTracker::Hypothesis::log_likelihood);
  std::vector<CycleState> found;
  for (const ConversionTracker::Hypothesis& hypothesis : hypotheses) {
    const CycleState state = StateOf(hypothesis);
    const auto is_same = [&](const CycleState& other) { return HaveSamePeriod(state, other); };
    if (std::ranges::none_of(found, is_same)) found.push_back(state);
  }
  return found;
}

bool HaveSamePeriod(const CycleState& a, const CycleState& b) {
  return std::abs(a.period_ns - b.period_ns) < kSamePeriod * a.period_ns;
}

// A piece of few edges knows too little to be followed there and back: what all behind it knows is
// taken back.
ConversionTimes TrackFound(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
                           const std::vector<CycleRead>& reads, const CycleState& found) {
  const std::vector<CycleRegister> rough = Rough(registers, found.misfit);
  const ConversionTracker tracker(nominal, rough, reads);
  CyclePhase phase = PhaseOf(found, 1, Eigen::Vector3d::Zero());
  phase.p(0, 1) = phase.p(1, 0) = found.covariance_ns2;
  ConversionTimes times = tracker.Follow(tracker.AtLast(phase, ReadAt(reads, found), found.wander),
                                         reads.size() - 1, found.wander);
  times.misfit *= found.misfit;
  times.middle.misfit = times.last.misfit = times.misfit;
  return times;
}

ConversionTimes TrackConversionTimes(const CycleNominal& nominal,
                                     const std::vector<CycleRegister>& registers,
                                     const std::vector<CycleRead>& reads,
                                     const CycleState& before) {
  const Eigen::Vector3d least(kLeastSdNs, kLeastSdPeriod * before.period_ns,
                              kLeastSdDrift * before.period_ns);
  const CyclePhase phase = PhaseOf(before, kLoosened, least);
  return ConversionTracker(nominal, registers, reads)
      .Follow(phase, ReadAt(reads, before), before.wander);
}

double ReadDelay(const std::vector<CycleRegister>& registers, const std::vector<CycleRead>& reads,
                 const ConversionTimes& times, int steps) {
  // By place of the read in its period: squares if it shows the conversion before the one that it
  // was taken to show, that one, and the one after. What came before matters early in a period
  // alone, what comes after late in it.
  struct Squares {
    double before = 0, same = 0, after = 0;
  };
  std::vector<Squares> places(static_cast<size_t>(steps));
  size_t near = 0;
  for (size_t i = 0; i < reads.size(); ++i) {
    const CycleRead& read = reads[i];
    const ConversionTime& time = times.reads[i];
    const CycleRegister& reg = registers[read.reg];
    const double slot_ns = reg.slot_share * time.period_ns;
    const auto square = [&](double cycles) {
      const double end_ns = time.end_ns + cycles * time.period_ns;
      const double mean = reg.course->Over(end_ns - slot_ns, end_ns, &near).mean;
      const double off = (read.value - mean) / reg.noise;
      return std::min(off * off, kOutlier * kOutlier);
    };
    const double at_ns = read.middle_ns();
    const double place = std::clamp((at_ns - time.end_ns) / time.period_ns, 0.0, 0.9999);
    const int at = static_cast<int>(place * steps);
    Squares& sums = places[static_cast<size_t>(at)];
    // In the order of time, as windows are found best.
    if (at < steps / 2) sums.before += square(-1);
    sums.same += square(0);
    if (at >= steps / 2) sums.after += square(1);
  }
  // Gains of moving the border between two conversions to a later place, or an earlier one, and
  // the squares of the places between.
  double best = 0, best_of = 0, later = 0, later_of = 0, earlier = 0, earlier_of = 0;
  int found = 0;
  for (int i = 0; i < steps / 2; ++i) {
    const Squares& first = places[static_cast<size_t>(i)];
    const Squares& last = places[static_cast<size_t>(steps - 1 - i)];
    later += first.same - first.before;
    later_of += first.same;
    earlier += last.same - last.after;
    earlier_of += last.same;
    if (later > best) {
      best = later;
      best_of = later_of;
      found = i + 1;
    }
    if (earlier > best) {
      best = earlier;
      best_of = earlier_of;
      found = -(i + 1);
    }
  }
  return best > std::max(kClearGain, kClearShare * best_of) ? found * times.period_ns / steps : 0;
}

}  // namespace synergy
