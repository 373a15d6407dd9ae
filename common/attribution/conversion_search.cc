#include "common/attribution/conversion_search.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "common/attribution/cycle_scores.h"

namespace synergy {
namespace {

// Steps of phase, and of the phase at the piece's ends by the period: parts of a slot.
constexpr double kSlotSteps = 4;
// The best of them is looked at in parts of these, so many to either side.
constexpr double kFineSteps = 4;
constexpr int kFineReach = 6;
// By so many steps a changing period may have moved the phase at the ends of a piece.
constexpr double kStepsAtEnds = 4;
// So many reads are held against a period in one search, which takes a second or two. The longer a
// piece lasts the more periods are told apart: one that takes longer, or whose cycle may wander by
// a step, is halved.
constexpr double kMostTries = 1.5e8;
constexpr double kLongestNs = 20e9;
// Periods within so many of the steps in which they are looked for are the same.
constexpr double kSamePeriod = 3;
// A change of the power by so many standard deviations of a read is an edge.
constexpr double kTellingEdge = 1;
// So many pieces' reads are around one.
constexpr size_t kAround = 4;

}  // namespace

bool FoundCycle::HasPeriod(double period_ns) const {
  return std::abs(phase.x[1] - period_ns) <= kSamePeriod * period_step_ns;
}

double FoundCycle::RunnerUp() const {
  double least = 1;
  for (const Period& period : periods) {
    if (!HasPeriod(period.ns)) least = std::min(least, period.score);
  }
  return least;
}

WindowFit FitWindow(const CycleRegister& reg, const CycleRead& read, double end_ns,
                    double period_ns, size_t* near) {
  const double slot_ns = reg.slot_share * period_ns;
  const WindowPower power = reg.course->Over(end_ns - slot_ns, end_ns, near);
  return {.end_ns = end_ns,
          .edge = power.edge,
          .mean = power.mean,
          .steady_ns = power.steady_ns,
          .slope = power.edge / (slot_ns * reg.noise),
          .residual = (read.value - power.mean) / reg.noise};
}

ConversionSearch::ConversionSearch(const CycleNominal& nominal,
                                   const std::vector<CycleRegister>& registers,
                                   const std::vector<CycleRead>& reads)
    : nominal_(nominal), registers_(registers), reads_(reads) {
  const double span_ns = reads.back().latest_ns - reads.front().earliest_ns;
  const double reads_a_period =
      static_cast<double>(reads.size()) * nominal.period_ns / std::max(span_ns, 1.0);
  const auto often = static_cast<size_t>(
      std::max(1.0, std::floor(reads_a_period / static_cast<double>(registers.size()))));
  stride_ = std::max<size_t>(1, often / 2);
  telling_ = Telling(Strongest());
  piece_telling_ = std::min(telling_.size(), kPieceReads * often / stride_);
}

uint32_t ConversionSearch::Strongest() const {
  struct Sums {
    double count = 0, value = 0, square = 0;
  };
  std::vector<Sums> sums(registers_.size());
  for (const CycleRead& read : reads_) {
    Sums& s = sums[read.reg];
    const double value = read.value / registers_[read.reg].noise;
    s.count += 1;
    s.value += value;
    s.square += value * value;
  }
  uint32_t strongest = 0;
  double most = -1;
  for (uint32_t reg = 0; reg < sums.size(); ++reg) {
    const Sums& s = sums[reg];
    if (s.count == 0) continue;
    const double variance = s.square / s.count - std::pow(s.value / s.count, 2);
    if (variance <= most) continue;
    most = variance;
    strongest = reg;
  }
  return strongest;
}

std::vector<size_t> ConversionSearch::Telling(uint32_t reg) const {
  const CycleRegister& of = registers_[reg];
  const double slot_ns = std::max(of.slot_share, kLeastSlotShare) * nominal_.period_ns;
  const double reach_ns = nominal_.period_ns * (1 + nominal_.tolerance) + slot_ns;
  const int slots = static_cast<int>(std::ceil(reach_ns / slot_ns));
  std::vector<WindowCursor> cursors(static_cast<size_t>(slots), WindowCursor(*of.course));
  std::vector<size_t> all, telling;
  size_t count = 0;
  for (size_t i = 0; i < reads_.size(); ++i) {
    if (reads_[i].reg != reg || count++ % stride_ != 0) continue;
    all.push_back(i);
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (int slot = 0; slot < slots; ++slot) {
      const double end = reads_[i].middle_ns() - slot * slot_ns;
      const double mean = cursors[static_cast<size_t>(slot)].Over(end - slot_ns, end).mean;
      least = std::min(least, mean);
      most = std::max(most, mean);
    }
    if (most - least > kTellingEdge * of.noise) telling.push_back(i);
  }
  return telling.size() < kLeastPiece ? all : telling;
}

// Mean over these reads.
double ConversionSearch::Score(double phase_ns, double period_ns,
                               std::span<const size_t> reads) const {
  size_t near = 0;
  double sum = 0;
  for (const size_t i : reads) {
    const CycleRead& read = reads_[i];
    const CycleRegister& reg = registers_[read.reg];
    const double zero = phase_ns + reg.offset * period_ns;
    const double end = zero + period_ns * std::floor((read.middle_ns() - zero) / period_ns);
    sum += FitWindow(reg, read, end, period_ns, &near).square();
  }
  return reads.empty() ? 0 : sum / static_cast<double>(reads.size());
}

FoundCycle ConversionSearch::Piece(size_t piece) const {
  const size_t first = (telling_.size() - piece_telling_) * piece / kPieces;
  return In(telling_[first], telling_[first + piece_telling_ - 1] + 1,
            nominal_.period_ns * (1 - nominal_.tolerance),
            nominal_.period_ns * (1 + nominal_.tolerance));
}

FoundCycle ConversionSearch::Around(const FoundCycle& found) const {
  const auto from =
      static_cast<size_t>(std::ranges::lower_bound(telling_, found.from) - telling_.begin());
  const size_t before = kAround * piece_telling_ / 2;
  const double reach_ns = kSamePeriod * found.period_step_ns;
  return In(telling_[from - std::min(from, before)],
            telling_[std::min(from + before, telling_.size()) - 1] + 1, found.phase.x[1] - reach_ns,
            found.phase.x[1] + reach_ns);
}

std::pair<size_t, size_t> ConversionSearch::PieceFrom(size_t at, bool backwards) const {
  const auto from = std::ranges::lower_bound(telling_, at) - telling_.begin();
  const auto reads = static_cast<ptrdiff_t>(piece_telling_);
  if (backwards) return {from > reads ? telling_[static_cast<size_t>(from - reads)] : 0, at + 1};
  const auto last = static_cast<size_t>(from + reads);
  return {at, last < telling_.size() ? telling_[last] : reads_.size()};
}

std::span<const size_t> ConversionSearch::Shorten(double periods_a_ns,
                                                  std::span<const size_t> reads) const {
  const auto is_too_much = [&](double length_ns) {
    return length_ns > kLongestNs ||
           periods_a_ns * length_ns * static_cast<double>(reads.size()) > kMostTries;
  };
  while (reads.size() > kLeastPiece && is_too_much(LengthNs(reads_, reads))) {
    const auto first = reads.first(reads.size() / 2), last = reads.subspan(reads.size() / 2);
    reads = LengthNs(reads_, first) < LengthNs(reads_, last) ? first : last;
  }
  return reads;
}

FoundCycle ConversionSearch::In(size_t first, size_t last, double lowest_ns,
                                double highest_ns) const {
  FoundCycle found;
  const auto begin = std::ranges::lower_bound(telling_, first);
  std::span<const size_t> reads(begin, std::ranges::lower_bound(telling_, last));
  if (reads.size() < kLeastPiece) return found;
  const CycleRegister& reg = registers_[reads_[reads.front()].reg];
  const double step_ns =
      std::max(reg.slot_share, kLeastSlotShare) * nominal_.period_ns / kSlotSteps;
  reads = Shorten((highest_ns - lowest_ns) / nominal_.period_ns / (2 * step_ns), reads);
  found.from = (reads.front() + reads.back() + 1) / 2;
  const double middle = reads_[found.from].middle_ns();
  const double half_ns = 0.5 * LengthNs(reads_, reads);
  const double period_step = step_ns / std::max(half_ns, step_ns);  // relative
  constexpr double kNone = std::numeric_limits<double>::infinity();
  CycleScores places(nominal_, reg, reads_, reads, middle);
  double best = kNone, sum = 0;
  for (double period = lowest_ns; period <= highest_ns * (1 + period_step / 2);
       period *= 1 + period_step) {
    const std::span<const float> phases = places.Of(period);
    sum += std::accumulate(phases.begin(), phases.end(), 0.0) / static_cast<double>(phases.size());
    const auto least = std::ranges::min_element(phases);
    found.periods.push_back({period, *least});
    if (*least >= best) continue;
    best = *least;
    const auto phase = static_cast<double>(least - phases.begin());
    found.phase.x = {middle + period * phase / static_cast<double>(phases.size()), period, 0};
  }
  const double mean = sum / static_cast<double>(found.periods.size());
  const auto relative = [&](double score) { return mean > 0 ? score / mean : 1; };
  found.score = relative(best);
  for (FoundCycle::Period& period : found.periods) period.score = relative(period.score);
  found.period_step_ns = period_step * found.phase.x[1];
  found.misfit = std::max(1.0, best);
  Refine(step_ns, reads, &found);
  return found;
}

// Where within a step of the phase and of the period the cycle is, and how well that is known: by
// the likelihoods of the places around. Tracking would lose a piece of few edges otherwise.
void ConversionSearch::Refine(double step_ns, std::span<const size_t> reads,
                              FoundCycle* found) const {
  const CyclePhase coarse = found->phase;
  const Eigen::Vector2d fine(step_ns / kFineSteps, found->period_step_ns / kFineSteps);
  std::vector<std::pair<Eigen::Vector2d, double>> places;
  double least = std::numeric_limits<double>::infinity();
  for (int i = -kFineReach; i <= kFineReach; ++i) {
    for (int k = -kFineReach; k <= kFineReach; ++k) {
      const Eigen::Vector2d at = coarse.x.head<2>() + fine.cwiseProduct(Eigen::Vector2d(i, k));
      const double squares = Score(at[0], at[1], reads) * static_cast<double>(reads.size());
      places.emplace_back(at, squares);
      least = std::min(least, squares);
    }
  }
  double sum = 0;
  Eigen::Vector2d mean = Eigen::Vector2d::Zero();
  for (auto& [at, squares] : places) {
    squares = std::exp(-0.5 * (squares - least) / found->misfit);
    sum += squares;
    mean += squares * (at - coarse.x.head<2>());
  }
  mean = coarse.x.head<2>() + mean / sum;
  Eigen::Matrix2d covariance = fine.cwiseAbs2().asDiagonal();
  for (const auto& [at, weight] : places) {
    covariance += weight / sum * (at - mean) * (at - mean).transpose();
  }
  CyclePhase& phase = found->phase;
  phase.x.head<2>() = mean;
  phase.p.setZero();
  phase.p.topLeftCorner<2, 2>() = covariance;
  // A period that changes by more would not have been found in a piece of that length.
  const double half_cycles = 0.5 * LengthNs(reads_, reads) / mean[1];
  const double most_drift_ns =
      2 * kStepsAtEnds * step_ns / std::max(1.0, half_cycles * half_cycles);
  phase.p(2, 2) = std::pow(std::min(kDriftAtFirst * mean[1], most_drift_ns), 2);
}

}  // namespace synergy
