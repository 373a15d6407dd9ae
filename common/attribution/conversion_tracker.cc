#include "common/attribution/conversion_tracker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace synergy {
namespace {

using Eigen::Matrix3d;
using Eigen::Vector3d;

// Steps of phase, and of the phase at the piece's ends by the period: parts of a slot.
constexpr double kSlotSteps = 4;
// The best of them is looked at in parts of these, so many to either side.
constexpr double kFineSteps = 4;
constexpr int kFineReach = 6;
// So many windows are compared in one search, which takes some seconds. The longer a piece lasts
// the more periods are told apart: one with a hole in it, or of seldom readings, is halved.
constexpr double kMostTries = 4e7;
constexpr size_t kLeastPiece = 32;
// What a read costs whose conversion is in doubt, as a logarithm of likelihood: more than one that
// is explained, which costs a half on average, so that losing track does not pay.
constexpr double kCostOfDoubt = 2;
// What readings say that are then followed through, too, counts for less, as a variance.
constexpr double kUsedTwice = 4;
// Standard deviations by which a read must be away from a conversion's end.
constexpr double kCertain = 4;
// What the period may do, relative, per root of a second; tried one after the other. The slowest is
// a chip at a steady temperature, the fastest one that is being heated.
constexpr double kWanders[] = {1e-7, 1e-6, 3e-5, 1e-3};
// Standard deviations to either side within which a window may lie.
constexpr double kBendReach = 2;

// What so many cycles do to a state: its rows are moved by the rates of those behind them.
template <typename Rows>
void Move(double cycles, Rows&& rows) {
  rows.row(0) += cycles * rows.row(1) + (cycles * (cycles - 1) / 2) * rows.row(2);
  rows.row(1) += cycles * rows.row(2);
}

// Random walk of the period with `wander`.
Matrix3d ProcessNoise(double cycles, double period_ns, double wander) {
  const double n = std::abs(cycles);
  // Variance of the period after one cycle, ns^2.
  const double q = wander * wander * period_ns * period_ns * period_ns * 1e-9;
  Matrix3d noise = Matrix3d::Zero();
  noise(0, 0) = q * n * n * n / 3;
  noise(0, 1) = noise(1, 0) = q * n * n / 2;
  noise(1, 1) = q * n;
  // The drift itself wanders a tenth as fast.
  noise(2, 2) = 1e-2 * q * n * period_ns * 1e-9;
  return noise;
}

}  // namespace

// The logarithm of a product of likelihoods; of the variances one is taken for many.
class ConversionTracker::Likelihood {
 public:
  void AddDoubt() { sum_ -= kCostOfDoubt; }
  void Add(double square, double variance) {
    sum_ -= 0.5 * square;
    variances_ *= variance;
    if (variances_ > kMany || variances_ < 1 / kMany) Take();
  }
  double log() {
    Take();
    return sum_;
  }

 private:
  static constexpr double kMany = 1e100;
  void Take() {
    sum_ -= 0.5 * std::log(variances_);
    variances_ = 1;
  }
  double sum_ = 0, variances_ = 1;
};

struct ConversionTracker::Fit {
  double end_ns = 0;
  double edge = 0;       // power at the window's end less that at its begin
  double mean = 0;       // power over the window
  double steady_ns = 0;  // as much earlier or later it changes along with the edge
  double slope = 0;      // how much a ns of phase changes the reading, in its noise
  double residual = 0;

  double square() const { return std::min(residual * residual, kOutlier * kOutlier); }
};

// Reads of one cycle share a state.
struct ConversionTracker::Pass {
  std::vector<State> filtered, predicted;
  std::vector<double> cycles;       // from the state before
  std::vector<bool> is_found_anew;  // the state before says nothing of it
  std::vector<uint32_t> state_of;   // by read
  std::vector<Fit> fits;            // likewise
  double log_likelihood = 0;
};

ConversionTracker::ConversionTracker(const CycleNominal& nominal,
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
}

ConversionTracker::Cursors ConversionTracker::MakeCursors() const {
  Cursors cursors;
  for (const CycleRegister& reg : registers_) cursors.emplace_back(*reg.course);
  return cursors;
}

uint32_t ConversionTracker::Strongest() const {
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

ConversionTracker::Fit ConversionTracker::Compare(const CycleRead& read, double end_ns,
                                                  double period_ns, Cursors* cursors) const {
  const CycleRegister& reg = registers_[read.reg];
  const double slot_ns = reg.slot_share * period_ns;
  const WindowPower power = (*cursors)[read.reg].Over(end_ns - slot_ns, end_ns);
  return {.end_ns = end_ns,
          .edge = power.edge,
          .mean = power.mean,
          .steady_ns = power.steady_ns,
          .slope = power.edge / (slot_ns * reg.noise),
          .residual = (read.value - power.mean) / reg.noise};
}

double ConversionTracker::Bend(const CycleRead& read, const Fit& fit, double end_ns,
                               double period_ns, double reach_ns, Cursors* cursors) const {
  const double slope = fit.edge / (registers_[read.reg].slot_share * period_ns);
  double most = 0;
  for (const double by_ns : {-reach_ns, reach_ns}) {
    const double mean = Compare(read, end_ns + by_ns, period_ns, cursors).mean;
    most = std::max(most, std::abs(mean - fit.mean - slope * by_ns));
  }
  return most / kBendReach;
}

// Mean over these reads.
double ConversionTracker::Score(double phase_ns, double period_ns,
                                const std::vector<size_t>& reads) const {
  Cursors cursors = MakeCursors();
  double sum = 0;
  for (const size_t i : reads) {
    const CycleRead& read = reads_[i];
    const double zero = phase_ns + registers_[read.reg].offset * period_ns;
    const double end = zero + period_ns * std::floor((Middle(i) - zero) / period_ns);
    sum += Compare(read, end, period_ns, &cursors).square();
  }
  return reads.empty() ? 0 : sum / static_cast<double>(reads.size());
}

ConversionTracker::Acquired ConversionTracker::Acquire(size_t piece) const {
  const size_t first = (reads_.size() - piece_reads_) * piece / kPieces;
  return Search(first, first + piece_reads_, nominal_.period_ns * (1 - nominal_.tolerance),
                nominal_.period_ns * (1 + nominal_.tolerance));
}

ConversionTracker::Acquired ConversionTracker::Search(size_t first, size_t last, double lowest_ns,
                                                      double highest_ns) const {
  double slot_share = 1;
  for (const CycleRegister& reg : registers_) slot_share = std::min(slot_share, reg.slot_share);
  const double step_ns = slot_share * nominal_.period_ns / kSlotSteps;
  const double tries_a_read_ns = nominal_.tolerance * nominal_.period_ns / (step_ns * step_ns);
  const auto length_ns = [&](size_t from, size_t to) { return Middle(to - 1) - Middle(from); };
  while (last - first > kLeastPiece &&
         tries_a_read_ns * length_ns(first, last) * static_cast<double>((last - first) / stride_) >
             kMostTries) {
    const size_t half = (first + last) / 2;
    (length_ns(first, half) < length_ns(half, last) ? last : first) = half;
  }
  Acquired found;
  found.from = (first + last) / 2;
  const double middle = Middle(found.from);
  const double half_ns = 0.5 * length_ns(first, last);
  const double period_step = step_ns / std::max(half_ns, step_ns);  // relative
  const uint32_t strongest = Strongest();
  std::vector<size_t> reads;
  size_t of_strongest = 0;
  for (size_t i = first; i < last; ++i) {
    if (reads_[i].reg == strongest && of_strongest++ % stride_ == 0) reads.push_back(i);
  }
  std::vector<double> scores;
  double best = std::numeric_limits<double>::infinity();
  for (double period = lowest_ns; period <= highest_ns * (1 + period_step / 2);
       period *= 1 + period_step) {
    const int phases = std::max(1, static_cast<int>(std::ceil(period / step_ns)));
    for (int i = 0; i < phases; ++i) {
      const double phase = middle + period * i / phases;
      const double score = Score(phase, period, reads);
      scores.push_back(score);
      if (score >= best) continue;
      best = score;
      found.state.x = {phase, period, 0};
    }
  }
  const auto median = scores.begin() + static_cast<ptrdiff_t>(scores.size() / 2);
  std::nth_element(scores.begin(), median, scores.end());
  found.score = *median > 0 ? best / *median : 1;
  found.period_step_ns = period_step * found.state.x[1];
  found.state = Refine(found.state, step_ns, found.period_step_ns, reads);
  return found;
}

// Where within a step of the phase and of the period the cycle is, and how well that is known: by
// the likelihoods of the places around. Tracking would lose a piece of few edges otherwise.
ConversionTracker::State ConversionTracker::Refine(const State& coarse, double step_ns,
                                                   double period_step_ns,
                                                   const std::vector<size_t>& reads) const {
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
  State state = coarse;
  state.x.head<2>() = mean;
  state.p.setZero();
  state.p.topLeftCorner<2, 2>() = covariance;
  state.p(2, 2) = std::pow(kDriftAtFirst * mean[1], 2);
  return state;
}

// To the cycle that the read shows, whichever way that is.
double ConversionTracker::CyclesTo(const CycleRead& read, const State& state) const {
  const double at =
      0.5 * (read.earliest_ns + read.latest_ns) - registers_[read.reg].offset * state.x[1];
  return std::floor((at - state.x[0]) / state.x[1]);
}

void ConversionTracker::Advance(double cycles, double wander, State* state) {
  Move(cycles, state->x);
  Move(cycles, state->p);
  Move(cycles, state->p.transpose());
  state->p += ProcessNoise(cycles, state->x[1], wander);
  state->cycle += static_cast<int64_t>(cycles);
}

bool ConversionTracker::IsCertain(const CycleRead& read, const State& state) const {
  const double end = state.x[0] + registers_[read.reg].offset * state.x[1];
  const double margin = kCertain * std::sqrt(std::max(0.0, state.p(0, 0)));
  return read.earliest_ns - end > margin && end + state.x[1] - read.latest_ns > margin;
}

bool ConversionTracker::IsLost(const State& state) {
  return 2 * kCertain * std::sqrt(std::max(0.0, state.p(0, 0))) > state.x[1];
}

std::optional<ConversionTracker::State> ConversionTracker::Relock(const State& lost, size_t at,
                                                                  bool backwards,
                                                                  double wander) const {
  const size_t first = backwards ? at + 1 - std::min(at + 1, piece_reads_) : at;
  const size_t last = backwards ? at + 1 : std::min(at + piece_reads_, reads_.size());
  if (last - first < kLeastPiece) return std::nullopt;
  const double most_ns = nominal_.tolerance * nominal_.period_ns;
  const double reach_ns = std::min(kCertain * std::sqrt(std::max(0.0, lost.p(1, 1))), most_ns);
  const double near_ns = std::clamp(lost.x[1], nominal_.period_ns - most_ns + reach_ns,
                                    nominal_.period_ns + most_ns - reach_ns);
  const Acquired found = Search(first, last, near_ns - reach_ns, near_ns + reach_ns);
  if (found.score > kClearlyBetter) return std::nullopt;
  State state = found.state;
  state.p *= kUsedTwice;
  Advance(CyclesTo(reads_[at], state), wander, &state);
  const auto cycles = static_cast<int64_t>(std::llround((state.x[0] - lost.x[0]) / lost.x[1]));
  state.cycle =
      lost.cycle + (backwards ? std::min<int64_t>(cycles, 0) : std::max<int64_t>(cycles, 0));
  return state;
}

ConversionTracker::Fit ConversionTracker::Update(const CycleRead& read, State* state,
                                                 Likelihood* likelihood, Cursors* cursors) const {
  if (!IsCertain(read, *state)) {
    likelihood->AddDoubt();
    return {};
  }
  const CycleRegister& reg = registers_[read.reg];
  const Fit fit = Compare(read, state->x[0] + reg.offset * state->x[1], state->x[1], cursors);
  const Vector3d h(fit.slope, fit.slope * reg.offset, 0);
  const Vector3d ph = state->p * h;
  const double variance = 1 + h.dot(ph);
  const double square = fit.residual * fit.residual / variance;
  likelihood->Add(std::min(square, kOutlier * kOutlier), variance);
  if (square > kOutlier * kOutlier) return fit;
  const Vector3d gain = ph / variance;
  state->x += gain * fit.residual;
  state->p -= gain * ph.transpose();
  state->p = 0.5 * (state->p + state->p.transpose()).eval();
  return fit;
}

ConversionTracker::Pass ConversionTracker::Filter(State start, size_t from, bool backwards,
                                                  double wander) const {
  Pass pass;
  Cursors cursors = MakeCursors();
  const size_t count = backwards ? from + 1 : reads_.size() - from;
  pass.filtered.reserve(count);
  pass.predicted.reserve(count);
  pass.cycles.reserve(count);
  pass.is_found_anew.reserve(count);
  pass.state_of.reserve(count);
  pass.fits.reserve(count);
  State state = start;
  Likelihood likelihood;
  size_t found_anew = 0, next_search = 0;
  for (size_t k = 0; k < count; ++k) {
    const size_t at = backwards ? from - k : from + k;
    const CycleRead& read = reads_[at];
    const double cycles = CyclesTo(read, state);
    if (cycles != 0 || k == 0) {
      Advance(cycles, wander, &state);
      std::optional<State> anew;
      if (k >= next_search && IsLost(state)) {
        // What is lost at once again is not worth it.
        const bool holds = found_anew == 0 || k - found_anew > piece_reads_;
        if (holds) anew = Relock(state, at, backwards, wander);
        next_search = holds ? k + piece_reads_ : count;
      }
      if (anew) {
        state = *anew;
        found_anew = k;
      }
      pass.is_found_anew.push_back(anew.has_value());
      pass.predicted.push_back(state);
      pass.cycles.push_back(cycles);
      pass.filtered.push_back(state);
    }
    pass.fits.push_back(Update(read, &state, &likelihood, &cursors));
    pass.filtered.back() = state;
    pass.state_of.push_back(static_cast<uint32_t>(pass.filtered.size() - 1));
  }
  pass.log_likelihood = likelihood.log();
  return pass;
}

std::vector<ConversionTracker::State> ConversionTracker::Smooth(const Pass& pass) const {
  std::vector<State> states = pass.filtered;
  for (size_t k = states.size() - 1; k-- > 0;) {
    if (pass.is_found_anew[k + 1]) continue;
    const State& ahead = pass.predicted[k + 1];
    // The covariances' scales differ by many orders: each is taken in its own standard deviation.
    const Vector3d sd = ahead.p.diagonal().cwiseSqrt();
    const Vector3d scale = sd.cwiseInverse();
    const Matrix3d inverse = scale.asDiagonal() *
                             Matrix3d(scale.asDiagonal() * ahead.p * scale.asDiagonal()).inverse() *
                             scale.asDiagonal();
    Matrix3d moved = pass.filtered[k].p;
    Move(pass.cycles[k + 1], moved.transpose());
    const Matrix3d gain = moved * inverse;
    states[k].x += gain * (states[k + 1].x - ahead.x);
    states[k].p += gain * (states[k + 1].p - ahead.p) * gain.transpose();
  }
  return states;
}

ConversionTimes ConversionTracker::Report(const Pass& pass, double wander) const {
  const std::vector<State> states = Smooth(pass);
  Cursors cursors = MakeCursors();
  ConversionTimes times;
  times.reads.reserve(reads_.size());
  times.wander = wander;
  times.log_likelihood = pass.log_likelihood;
  times.period_ns = states[states.size() / 2].x[1];
  double sum = 0;
  uint64_t count = 0;
  for (size_t i = 0; i < reads_.size(); ++i) {
    const CycleRead& read = reads_[i];
    const State& state = states[pass.state_of[i]];
    const double end = state.x[0] + registers_[read.reg].offset * state.x[1];
    ConversionTime& time = times.reads.emplace_back();
    time = {.end_ns = end,
            .sd_ns = std::sqrt(std::max(0.0, state.p(0, 0))),
            .period_ns = state.x[1],
            .edge = 0,
            .cycle = state.cycle,
            .certain = IsCertain(read, state)};
    if (!time.certain) continue;
    Fit fit = pass.fits[i];
    if (const double later_ns = end - fit.end_ns; std::abs(later_ns) < fit.steady_ns) {
      fit.mean += later_ns * fit.slope * registers_[read.reg].noise;
      fit.residual -= later_ns * fit.slope;
      fit.steady_ns -= std::abs(later_ns);
    } else {
      fit = Compare(read, end, state.x[1], &cursors);
    }
    time.edge = fit.edge;
    const double reach_ns = kBendReach * time.sd_ns;
    if (fit.steady_ns < reach_ns) time.bend = Bend(read, fit, end, state.x[1], reach_ns, &cursors);
    sum += fit.square();
    ++count;
  }
  times.misfit = count == 0 ? 0 : sum / static_cast<double>(count);
  const auto at = [&](const State& state) {
    return CycleState{.begin_ns = state.x[0],
                      .sd_ns = std::sqrt(std::max(0.0, state.p(0, 0))),
                      .period_ns = state.x[1],
                      .sd_period_ns = std::sqrt(std::max(0.0, state.p(1, 1))),
                      .drift_ns = state.x[2],
                      .wander = wander,
                      .misfit = times.misfit};
  };
  times.middle = at(states[states.size() / 2]);
  times.last = at(states.back());
  return times;
}

ConversionTimes ConversionTracker::Follow(const State& start, size_t from, double wander) const {
  State begin = start;
  if (from > 0) {  // back to the first read, and from there through all
    begin = Filter(start, from, true, wander).filtered.back();
    begin.p *= kUsedTwice;
  }
  return Report(Filter(begin, 0, false, wander), wander);
}

ConversionTimes ConversionTracker::Track(const Acquired& start) const {
  ConversionTimes best;
  for (const double wander : kWanders) {
    ConversionTimes times = Follow(start.state, start.from, wander);
    if (best.reads.empty() || times.log_likelihood > best.log_likelihood) best = std::move(times);
  }
  return best;
}

}  // namespace synergy
