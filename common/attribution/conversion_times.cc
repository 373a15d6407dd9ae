#include "common/attribution/conversion_times.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/attribution/conversion_tracker.h"

namespace synergy {
namespace {

// Squares of residuals that another delay of the reads must save, and which share of all: reads at
// the border of two conversions are few, but where the delay is wrong.
constexpr double kClearGain = 30;
constexpr double kClearShare = 0.1;
// Or most pieces must find the same period, within so many of the steps in which it is looked for.
constexpr double kAgreement = 3;
// No other piece need be looked at.
constexpr double kBeyondDoubt = 0.25;
// What is known from a round before is taken for less certain by this factor, and at least so
// uncertain: the course has changed since.
constexpr double kLoosened = 4;
constexpr double kLeastSdNs = 1e3;

// Whether most pieces have found the period of `best`: by chance no two would.
bool Agree(const std::vector<ConversionTracker::Acquired>& pieces,
           const ConversionTracker::Acquired& best) {
  const double tolerance_ns = kAgreement * best.period_step_ns;
  const auto count = std::ranges::count_if(pieces, [&](const ConversionTracker::Acquired& piece) {
    return std::abs(piece.state.x[1] - best.state.x[1]) <= tolerance_ns;
  });
  return static_cast<size_t>(count) + 1 >= ConversionTracker::kPieces;
}

}  // namespace

double ConversionTimes::certain_share() const {
  const auto certain = std::ranges::count_if(reads, &ConversionTime::certain);
  return static_cast<double>(certain) / static_cast<double>(std::max<size_t>(1, reads.size()));
}

std::optional<ConversionTimes> FindConversionTimes(const CycleNominal& nominal,
                                                   const std::vector<CycleRegister>& registers,
                                                   const std::vector<CycleRead>& reads) {
  if (registers.empty() || reads.size() < ConversionTracker::kPieceReads) return std::nullopt;
  const ConversionTracker tracker(nominal, registers, reads);
  ConversionTracker::Acquired best;
  std::vector<ConversionTracker::Acquired> all;
  while (all.size() < ConversionTracker::kPieces && best.score >= kBeyondDoubt) {
    all.push_back(tracker.Acquire(all.size()));
    if (all.back().score < best.score) best = all.back();
  }
  if (best.score > ConversionTracker::kClearlyBetter && !Agree(all, best)) return std::nullopt;
  ConversionTimes times = tracker.Track(best);
  // Lost from there on: another piece may say better where to begin.
  for (size_t i = 0; i < ConversionTracker::kPieces && times.certain_share() < kLostCertain; ++i) {
    if (i == all.size()) all.push_back(tracker.Acquire(i));
    if (all[i].from == best.from || all[i].score > ConversionTracker::kClearlyBetter) continue;
    ConversionTimes other = tracker.Track(all[i]);
    if (other.log_likelihood > times.log_likelihood) times = std::move(other);
  }
  return times;
}

std::vector<ConversionTimes> OtherConversionTimes(const CycleNominal& nominal,
                                                  const std::vector<CycleRegister>& registers,
                                                  const std::vector<CycleRead>& reads,
                                                  double found_ns) {
  const ConversionTracker tracker(nominal, registers, reads);
  std::vector<ConversionTimes> others;
  for (size_t i = 0; i < ConversionTracker::kPieces; ++i) {
    const ConversionTracker::Acquired found = tracker.Acquire(i);
    const auto is_near = [&](double period_ns) {
      return std::abs(found.state.x[1] - period_ns) <= kAgreement * found.period_step_ns;
    };
    if (is_near(found_ns) || std::ranges::any_of(others, is_near, &ConversionTimes::period_ns)) {
      continue;
    }
    others.push_back(tracker.Track(found));
  }
  return others;
}

ConversionTimes TrackConversionTimes(const CycleNominal& nominal,
                                     const std::vector<CycleRegister>& registers,
                                     const std::vector<CycleRead>& reads,
                                     const CycleState& before) {
  ConversionTracker::State begin;
  begin.x = {before.begin_ns, before.period_ns, before.drift_ns};
  const double sd_ns = kLoosened * std::max(before.sd_ns, kLeastSdNs);
  const double sd_period_ns = kLoosened * std::max(before.sd_period_ns, 1e-6 * before.period_ns);
  begin.p = Eigen::Vector3d(sd_ns * sd_ns, sd_period_ns * sd_period_ns,
                            std::pow(ConversionTracker::kDriftAtFirst * before.period_ns, 2))
                .asDiagonal();
  const auto from = std::ranges::find_if(
      reads, [&](const CycleRead& read) { return read.latest_ns >= before.begin_ns; });
  const auto index = static_cast<size_t>(from - reads.begin());
  return ConversionTracker(nominal, registers, reads)
      .Follow(begin, std::min(index, reads.size() - 1), before.wander);
}

double ReadDelay(const std::vector<CycleRegister>& registers, const std::vector<CycleRead>& reads,
                 const ConversionTimes& times, int steps) {
  // By place of the read in its period: squares if it shows the conversion before the one that it
  // was taken to show, that one, and the one after.
  struct Squares {
    double before = 0, same = 0, after = 0;
  };
  std::vector<Squares> places(static_cast<size_t>(steps));
  for (size_t i = 0; i < reads.size(); ++i) {
    const CycleRead& read = reads[i];
    const ConversionTime& time = times.reads[i];
    const CycleRegister& reg = registers[read.reg];
    const double slot_ns = reg.slot_share * time.period_ns;
    const auto square = [&](double cycles) {
      const double end_ns = time.end_ns + cycles * time.period_ns;
      const double off = (read.value - reg.course->Mean(end_ns - slot_ns, end_ns)) / reg.noise;
      return std::min(off * off, ConversionTracker::kOutlier * ConversionTracker::kOutlier);
    };
    const double at_ns = 0.5 * (read.earliest_ns + read.latest_ns);
    const double place = std::clamp((at_ns - time.end_ns) / time.period_ns, 0.0, 0.9999);
    Squares& sums = places[static_cast<size_t>(place * steps)];
    sums.before += square(-1);
    sums.same += square(0);
    sums.after += square(1);
  }
  // Gains of moving the border between two conversions to a later place, or an earlier one.
  double best = 0, later = 0, earlier = 0, all = 0;
  for (const Squares& place : places) all += place.same;
  int found = 0;
  for (int i = 0; i < steps / 2; ++i) {
    const Squares& first = places[static_cast<size_t>(i)];
    const Squares& last = places[static_cast<size_t>(steps - 1 - i)];
    later += first.same - first.before;
    earlier += last.same - last.after;
    if (later > best) {
      best = later;
      found = i + 1;
    }
    if (earlier > best) {
      best = earlier;
      found = -(i + 1);
    }
  }
  return best > std::max(kClearGain, kClearShare * all) ? found * times.period_ns / steps : 0;
}

}  // namespace synergy
