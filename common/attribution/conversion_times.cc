#include "common/attribution/conversion_times.h"

#include <algorithm>
#include <cmath>

#include "common/attribution/conversion_tracker.h"

namespace synergy {
namespace {

// Acquisition looks at so many reads of each register; in several pieces of the run, since a piece
// may be poor in edges.
constexpr size_t kPieceReads = 240;
constexpr size_t kPieces = 4;
// The best hypothesis must explain the piece better than the median one by this factor.
constexpr double kClearlyBetter = 0.7;
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

// Where in the reads acquisition looks.
class Pieces {
 public:
  Pieces(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
         const std::vector<CycleRead>& reads)
      : reads_(reads.size()) {
    // Where the chip is read more often than it converts, a read in two tells as much.
    const double span_ns = reads.back().latest_ns - reads.front().earliest_ns;
    const double reads_a_period =
        static_cast<double>(reads.size()) * nominal.period_ns / std::max(span_ns, 1.0);
    const auto often = static_cast<size_t>(
        std::max(1.0, std::floor(reads_a_period / static_cast<double>(registers.size()))));
    stride_ = std::max<size_t>(1, often / 2);
    length_ = std::min(reads.size(), kPieceReads * registers.size() * often);
  }
  ConversionTracker::Acquired Acquire(const ConversionTracker& tracker, size_t piece) const {
    const size_t first = (reads_ - length_) * piece / kPieces;
    return tracker.Acquire(first, first + length_, stride_);
  }

 private:
  size_t reads_, stride_ = 1, length_ = 0;
};

// Whether most pieces have found the period of `best`: by chance no two would.
bool Agree(const std::vector<ConversionTracker::Acquired>& pieces,
           const ConversionTracker::Acquired& best) {
  const double tolerance_ns = kAgreement * std::sqrt(best.state.p(1, 1));
  const auto count = std::ranges::count_if(pieces, [&](const ConversionTracker::Acquired& piece) {
    return std::abs(piece.state.x[1] - best.state.x[1]) <= tolerance_ns;
  });
  return static_cast<size_t>(count) + 1 >= kPieces;
}

}  // namespace

std::optional<ConversionTimes> FindConversionTimes(const CycleNominal& nominal,
                                                   const std::vector<CycleRegister>& registers,
                                                   const std::vector<CycleRead>& reads) {
  if (registers.empty() || reads.size() < kPieceReads) return std::nullopt;
  const ConversionTracker tracker(nominal, registers, reads);
  const Pieces pieces(nominal, registers, reads);
  ConversionTracker::Acquired best;
  std::vector<ConversionTracker::Acquired> all;
  for (size_t i = 0; i < kPieces; ++i) {
    const ConversionTracker::Acquired found = pieces.Acquire(tracker, i);
    all.push_back(found);
    if (found.score < best.score) best = found;
    if (best.score < kBeyondDoubt) break;
  }
  if (best.score > kClearlyBetter && !Agree(all, best)) return std::nullopt;
  return tracker.Track(best);
}

std::vector<ConversionTimes> OtherConversionTimes(const CycleNominal& nominal,
                                                  const std::vector<CycleRegister>& registers,
                                                  const std::vector<CycleRead>& reads,
                                                  double found_ns) {
  const ConversionTracker tracker(nominal, registers, reads);
  const Pieces pieces(nominal, registers, reads);
  std::vector<ConversionTimes> others;
  for (size_t i = 0; i < kPieces; ++i) {
    const ConversionTracker::Acquired found = pieces.Acquire(tracker, i);
    const auto is_near = [&](double period_ns) {
      return std::abs(found.state.x[1] - period_ns) <= kAgreement * std::sqrt(found.state.p(1, 1));
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
  return ConversionTracker(nominal, registers, reads).Follow(begin, before.wander);
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
