#include "common/attribution/conversion_times.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "common/attribution/conversion_search.h"
#include "common/attribution/conversion_tracker.h"

namespace synergy {
namespace {

// Squares of residuals that another delay of the reads must save, and which share of all: reads at
// the border of two conversions are few, but where the delay is wrong.
constexpr double kClearGain = 30;
constexpr double kClearShare = 0.1;
// No other piece need be looked at: so clear, and so much clearer than any other period.
constexpr double kBeyondDoubt = 0.25;
constexpr double kBeyondRunnerUp = 2;
// What is known from a round before is taken for less certain by this factor, and at least so
// uncertain: the course has changed since.
constexpr double kLoosened = 4;
constexpr double kLeastSdNs = 1e3;

bool IsBeyondDoubt(const FoundCycle& found) {
  return found.score < kBeyondDoubt && found.RunnerUp() > kBeyondRunnerUp * found.score;
}

// Whether most pieces have found the period of `best`: by chance no two would.
bool Agree(const std::vector<FoundCycle>& pieces, const FoundCycle& best) {
  const auto count = std::ranges::count_if(
      pieces, [&](const FoundCycle& piece) { return best.HasPeriod(piece.phase.x[1]); });
  return static_cast<size_t>(count) + 1 >= ConversionSearch::kPieces;
}

// From each of these, and from what the reads around it say of its period.
std::vector<ConversionTimes> TrackAll(const ConversionSearch& search,
                                      const ConversionTracker& tracker,
                                      const std::vector<FoundCycle>& pieces) {
  std::vector<ConversionTimes> all;
  for (const FoundCycle& piece : pieces) {
    all.push_back(tracker.Track(piece));
    all.push_back(tracker.Track(search.Around(piece)));
  }
  return all;
}

}  // namespace

double ConversionTimes::certain_share() const {
  const auto certain = std::ranges::count_if(reads, &ConversionTime::certain);
  return static_cast<double>(certain) / static_cast<double>(std::max<size_t>(1, reads.size()));
}

std::optional<ConversionTimes> FindConversionTimes(const CycleNominal& nominal,
                                                   const std::vector<CycleRegister>& registers,
                                                   const std::vector<CycleRead>& reads) {
  if (registers.empty() || reads.size() < ConversionSearch::kPieceReads) return std::nullopt;
  const ConversionSearch search(nominal, registers, reads);
  const ConversionTracker tracker(nominal, registers, reads);
  std::vector<FoundCycle> pieces;
  while (pieces.size() < ConversionSearch::kPieces) {
    pieces.push_back(search.Piece(pieces.size()));
    if (!IsBeyondDoubt(pieces.back())) continue;
    ConversionTimes times = tracker.Track(pieces.back());
    if (times.certain_share() >= kLostCertain) return times;
  }
  const auto best = std::ranges::min_element(pieces, {}, &FoundCycle::score);
  const bool agree = Agree(pieces, *best);
  std::erase_if(pieces, [&](const FoundCycle& piece) {
    return piece.score > ConversionSearch::kClearlyBetter &&
           !(agree && best->HasPeriod(piece.phase.x[1]));
  });
  if (pieces.empty()) return std::nullopt;
  std::vector<ConversionTimes> all = TrackAll(search, tracker, pieces);
  return *std::ranges::max_element(all, {}, &ConversionTimes::log_likelihood);
}

std::vector<ConversionTimes> OtherConversionTimes(const CycleNominal& nominal,
                                                  const std::vector<CycleRegister>& registers,
                                                  const std::vector<CycleRead>& reads,
                                                  const ConversionTimes& found) {
  const ConversionSearch search(nominal, registers, reads);
  const ConversionTracker tracker(nominal, registers, reads);
  std::vector<FoundCycle> pieces;
  while (pieces.size() < ConversionSearch::kPieces) pieces.push_back(search.Piece(pieces.size()));
  std::vector<ConversionTimes> others = TrackAll(search, tracker, pieces);
  // To the last digit: the same.
  std::erase_if(others, [&](const ConversionTimes& other) {
    return other.log_likelihood == found.log_likelihood;
  });
  std::ranges::sort(others, std::greater(), &ConversionTimes::log_likelihood);
  return others;
}

ConversionTimes TrackConversionTimes(const CycleNominal& nominal,
                                     const std::vector<CycleRegister>& registers,
                                     const std::vector<CycleRead>& reads,
                                     const CycleState& before) {
  CyclePhase begin;
  begin.x = {before.begin_ns, before.period_ns, before.drift_ns};
  const double sd_ns = kLoosened * std::max(before.sd_ns, kLeastSdNs);
  const double sd_period_ns = kLoosened * std::max(before.sd_period_ns, 1e-6 * before.period_ns);
  begin.p = Eigen::Vector3d(sd_ns * sd_ns, sd_period_ns * sd_period_ns,
                            std::pow(kDriftAtFirst * before.period_ns, 2))
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
      return std::min(off * off, kOutlier * kOutlier);
    };
    const double at_ns = read.middle_ns();
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
