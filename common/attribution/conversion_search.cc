#include "common/attribution/conversion_search.h"

#include <cmath>
#include <limits>
#include <utility>

namespace synergy {
namespace {

// Steps of phase, and of the phase at the piece's ends by the period: parts of a slot.
constexpr double kSlotSteps = 4;
// The best of them is looked at in parts of these, so many to either side.
constexpr double kFineSteps = 4;
constexpr int kFineReach = 6;
// So many windows are compared in one search, which takes some seconds. The longer a piece lasts
// the more periods are told apart: one with a hole in it, or of seldom readings, is halved.
constexpr double kMostTries = 4e7;
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

WindowCursors MakeCursors(const std::vector<CycleRegister>& registers) {
  WindowCursors cursors;
  for (const CycleRegister& reg : registers) cursors.emplace_back(*reg.course);
  return cursors;
}

WindowFit FitWindow(const CycleRegister& reg, const CycleRead& read, double end_ns,
                    double period_ns, WindowCursors* cursors) {
  const double slot_ns = reg.slot_share * period_ns;
  const WindowPower power = (*cursors)[read.reg].Over(end_ns - slot_ns, end_ns);
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
  piece_reads_ = std::min(reads.size(), kPieceReads * registers.size() * often);
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
    const double variance = s.count > 0 ? s.square / s.count - std::pow(s.value / s.count, 2) : 0;
    if (variance <= most) continue;
    most = variance;
    strongest = reg;
  }
  return strongest;
}

std::vector<size_t> ConversionSearch::Telling(uint32_t reg) const {
  const CycleRegister& of = registers_[reg];
  const double slot_ns = of.slot_share * nominal_.period_ns;
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
  WindowCursors cursors = MakeCursors(registers_);
  double sum = 0;
  for (const size_t i : reads) {
    const CycleRead& read = reads_[i];
    const CycleRegister& reg = registers_[read.reg];
    const double zero = phase_ns + reg.offset * period_ns;
    const double end = zero + period_ns * std::floor((read.middle_ns() - zero) / period_ns);
    sum += FitWindow(reg, read, end, period_ns, &cursors).square();
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

std::span<const size_t> ConversionSearch::Shorten(double tries_a_read_ns,
                                                  std::span<const size_t> reads) const {
  while (reads.size() > kLeastPiece &&
         tries_a_read_ns * LengthNs(reads_, reads) * static_cast<double>(reads.size()) >
             kMostTries) {
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
  double slot_share = 1;
  for (const CycleRegister& reg : registers_) slot_share = std::min(slot_share, reg.slot_share);
  const double step_ns = slot_share * nominal_.period_ns / kSlotSteps;
  reads = Shorten(nominal_.tolerance * nominal_.period_ns / (step_ns * step_ns), reads);
  found.from = (reads.front() + reads.back() + 1) / 2;
  const double middle = reads_[found.from].middle_ns();
  const double half_ns = 0.5 * LengthNs(reads_, reads);
  const double period_step = step_ns / std::max(half_ns, step_ns);  // relative
  constexpr double kNone = std::numeric_limits<double>::infinity();
  std::vector<double> scores;
  double best = kNone;
  for (double period = lowest_ns; period <= highest_ns * (1 + period_step / 2);
       period *= 1 + period_step) {
    found.periods.push_back({period, kNone});
    double& of_period = found.periods.back().score;
    const int phases = std::max(1, static_cast<int>(std::ceil(period / step_ns)));
    for (int i = 0; i < phases; ++i) {
      const double phase = middle + period * i / phases;
      const double score = Score(phase, period, reads);
      scores.push_back(score);
      of_period = std::min(of_period, score);
      if (score >= best) continue;
      best = score;
      found.phase.x = {phase, period, 0};
    }
  }
  const auto median = scores.begin() + static_cast<ptrdiff_t>(scores.size() / 2);
  std::nth_element(scores.begin(), median, scores.end());
  const auto relative = [&](double score) { return *median > 0 ? score / *median : 1; };
  found.score = relative(best);
  for (FoundCycle::Period& period : found.periods) period.score = relative(period.score);
  found.period_step_ns = period_step * found.phase.x[1];
  found.phase = Refine(found.phase, step_ns, found.period_step_ns, reads);
  return found;
}

// Where within a step of the phase and of the period the cycle is, and how well that is known: by
// the likelihoods of the places around. Tracking would lose a piece of few edges otherwise.
CyclePhase ConversionSearch::Refine(const CyclePhase& coarse, double step_ns, double period_step_ns,
                                    std::span<const size_t> reads) const {
  const Eigen::Vector2d fine(step_ns / kFineSteps, period_step_ns / kFineSteps);
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
    squares = std::exp(-0.5 * (squares - least));
    sum += squares;
    mean += squares * (at - coarse.x.head<2>());
  }
  mean = coarse.x.head<2>() + mean / sum;
  Eigen::Matrix2d covariance = fine.cwiseAbs2().asDiagonal();
  for (const auto& [at, weight] : places) {
    covariance += weight / sum * (at - mean) * (at - mean).transpose();
  }
  CyclePhase phase = coarse;
  phase.x.head<2>() = mean;
  phase.p.setZero();
  phase.p.topLeftCorner<2, 2>() = covariance;
  phase.p(2, 2) = std::pow(kDriftAtFirst * mean[1], 2);
  return phase;
}

}  // namespace synergy
