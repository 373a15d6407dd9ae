#include "common/attribution/conversion_tracker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace synergy {
namespace {

using Eigen::Matrix3d;
using Eigen::Vector2d;
using Eigen::Vector3d;

// What a read costs whose conversion is in doubt, as a logarithm of likelihood: more than one that
// is explained, which costs a half on average, so that losing track does not pay.
constexpr double kCostOfDoubt = 2;
// What readings say that are then followed through, too, counts for less, as a variance.
constexpr double kUsedTwice = 4;
// Where more than this share of the reads that see an edge contradict it, of about the last so
// many, the cycle was followed to where it is not: each makes the phase's variance so much larger.
constexpr double kMostContradict = 0.3;
constexpr double kLastReads = 10;
constexpr double kContradicted = 2;
// Standard deviations by which a read must be away from a conversion's end.
constexpr double kCertain = 4;
// What the period may do, relative, per root of a second; tried one after the other. The slowest is
// a chip at a steady temperature, the fastest one that is being heated.
constexpr double kWanders[] = {1e-7, 1e-6, 3e-5, 1e-3};
// A cycle whose period is not known within this share any more is not looked for again: it would
// take as long as from nothing, time after time.
constexpr double kMostReach = 0.01;
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

// Reads of one cycle share a state.
struct ConversionTracker::Pass {
  std::vector<CyclePhase> filtered, predicted;
  std::vector<double> cycles;       // from the state before
  std::vector<bool> is_found_anew;  // the state before says nothing of it
  std::vector<uint32_t> state_of;   // by read
  std::vector<WindowFit> fits;      // likewise
  double log_likelihood = 0;
};

ConversionTracker::ConversionTracker(const CycleNominal& nominal,
                                     const std::vector<CycleRegister>& registers,
                                     const std::vector<CycleRead>& reads)
    : nominal_(nominal), registers_(registers), reads_(reads) {}

const ConversionSearch& ConversionTracker::search() const {
  if (!search_) search_.emplace(nominal_, registers_, reads_);
  return *search_;
}

double ConversionTracker::Bend(const CycleRead& read, const WindowFit& fit, double end_ns,
                               double period_ns, double reach_ns, size_t* near) const {
  const double slope = fit.edge / (registers_[read.reg].slot_share * period_ns);
  double most = 0;
  for (const double by_ns : {-reach_ns, reach_ns}) {
    const double mean = FitWindow(registers_[read.reg], read, end_ns + by_ns, period_ns, near).mean;
    most = std::max(most, std::abs(mean - fit.mean - slope * by_ns));
  }
  return most / kBendReach;
}

// To the cycle that the read shows, whichever way that is.
double ConversionTracker::CyclesTo(const CycleRead& read, const CyclePhase& state) const {
  const double at = read.middle_ns() - registers_[read.reg].offset * state.x[1];
  return std::floor((at - state.x[0]) / state.x[1]);
}

void ConversionTracker::Advance(double cycles, double wander, CyclePhase* state) {
  Move(cycles, state->x);
  Move(cycles, state->p);
  Move(cycles, state->p.transpose());
  state->p += ProcessNoise(cycles, state->x[1], wander);
  state->cycle += static_cast<int64_t>(cycles);
}

bool ConversionTracker::IsCertain(const CycleRead& read, const CyclePhase& state) const {
  const double end = state.x[0] + registers_[read.reg].offset * state.x[1];
  const double after = read.earliest_ns - end, before = end + state.x[1] - read.latest_ns;
  const double least = std::min(after, before);
  return least > 0 && least * least > kCertain * kCertain * state.p(0, 0);
}

bool ConversionTracker::IsLost(const CyclePhase& state) {
  return 2 * kCertain * std::sqrt(std::max(0.0, state.p(0, 0))) > state.x[1];
}

std::optional<CyclePhase> ConversionTracker::Relock(const CyclePhase& lost, size_t at, size_t first,
                                                    size_t last, double wander) const {
  const double most_ns = nominal_.tolerance * nominal_.period_ns;
  const double reach_ns = kCertain * std::sqrt(std::max(0.0, lost.p(1, 1)));
  if (reach_ns > kMostReach * nominal_.period_ns) return std::nullopt;
  const double near_ns = std::clamp(lost.x[1], nominal_.period_ns - most_ns + reach_ns,
                                    nominal_.period_ns + most_ns - reach_ns);
  const FoundCycle found = search().In(first, last, near_ns - reach_ns, near_ns + reach_ns);
  if (found.score > ConversionSearch::kClearlyBetter) return std::nullopt;
  CyclePhase state = found.phase;
  state.p *= kUsedTwice;
  Advance(CyclesTo(reads_[at], state), wander, &state);
  const auto cycles = static_cast<int64_t>(std::llround((state.x[0] - lost.x[0]) / lost.x[1]));
  state.cycle =
      lost.cycle + (first < at ? std::min<int64_t>(cycles, 0) : std::max<int64_t>(cycles, 0));
  return state;
}

WindowFit ConversionTracker::Update(const CycleRead& read, CyclePhase* state, double* contradicting,
                                    Likelihood* likelihood, size_t* near) const {
  if (!IsCertain(read, *state)) {
    likelihood->AddDoubt();
    return {};
  }
  const CycleRegister& reg = registers_[read.reg];
  const WindowFit fit =
      FitWindow(reg, read, state->x[0] + reg.offset * state->x[1], state->x[1], near);
  // The drift of the period does not move this read's window.
  const Vector2d h(fit.slope, fit.slope * reg.offset);
  const Vector3d ph = state->p.leftCols<2>() * h;
  const double variance = 1 + h.dot(ph.head<2>());
  const double square = fit.residual * fit.residual / variance;
  likelihood->Add(std::min(square, kOutlier * kOutlier), variance);
  const bool contradicts = square > kOutlier * kOutlier;
  if (contradicts || std::abs(fit.edge) > kOutlier * reg.noise) {
    *contradicting += ((contradicts ? 1 : 0) - *contradicting) / kLastReads;
  }
  if (contradicts) {
    if (*contradicting > kMostContradict) state->p(0, 0) *= kContradicted;
    return fit;
  }
  state->x += fit.residual / variance * ph;
  state->p -= 1 / variance * (ph * ph.transpose());
  return fit;
}

ConversionTracker::Pass ConversionTracker::Filter(CyclePhase start, size_t from, bool backwards,
                                                  double wander, Lost lost) const {
  Pass pass;
  size_t near = 0;
  const size_t count = backwards ? from + 1 : reads_.size() - from;
  pass.filtered.reserve(count);
  pass.predicted.reserve(count);
  pass.cycles.reserve(count);
  pass.is_found_anew.reserve(count);
  pass.state_of.reserve(count);
  pass.fits.reserve(count);
  CyclePhase state = start;
  Likelihood likelihood;
  double contradicting = 0;
  // The piece last looked at, in which the cycle was found or not.
  size_t piece_end = lost == Lost::kFoundAnew ? 0 : count;
  bool found_last = false;
  for (size_t k = 0; k < count; ++k) {
    const size_t at = backwards ? from - k : from + k;
    const CycleRead& read = reads_[at];
    const double cycles = CyclesTo(read, state);
    if (cycles != 0 || k == 0) {
      Advance(cycles, wander, &state);
      std::optional<CyclePhase> anew;
      if (k >= piece_end && IsLost(state)) {
        const auto [first, last] = search().PieceFrom(at, backwards);
        // What is lost at once again is not worth it.
        const bool worth_it = !(found_last && k == piece_end);
        if (worth_it) anew = Relock(state, at, first, last, wander);
        piece_end = worth_it ? k + last - first : count;
        found_last = anew.has_value();
      }
      if (anew) {
        state = *anew;
        contradicting = 0;
      }
      pass.is_found_anew.push_back(anew.has_value());
      pass.predicted.push_back(state);
      pass.cycles.push_back(cycles);
      pass.filtered.push_back(state);
    }
    pass.fits.push_back(Update(read, &state, &contradicting, &likelihood, &near));
    pass.filtered.back() = state;
    pass.state_of.push_back(static_cast<uint32_t>(pass.filtered.size() - 1));
  }
  pass.log_likelihood = likelihood.log();
  return pass;
}

// Of a pass that has filtered them, in their place.
std::vector<CyclePhase> ConversionTracker::Smooth(Pass* pass) {
  std::vector<CyclePhase> states = std::move(pass->filtered);
  for (size_t k = states.size() - 1; k-- > 0;) {
    if (pass->is_found_anew[k + 1]) continue;
    const CyclePhase& ahead = pass->predicted[k + 1];
    // The covariances' scales differ by many orders: each is taken in its own standard deviation.
    const Vector3d sd = ahead.p.diagonal().cwiseSqrt();
    const Vector3d scale = sd.cwiseInverse();
    const Matrix3d inverse = scale.asDiagonal() *
                             Matrix3d(scale.asDiagonal() * ahead.p * scale.asDiagonal()).inverse() *
                             scale.asDiagonal();
    Matrix3d moved = states[k].p;
    Move(pass->cycles[k + 1], moved.transpose());
    const Matrix3d gain = moved * inverse;
    states[k].x += gain * (states[k + 1].x - ahead.x);
    states[k].p += gain * (states[k + 1].p - ahead.p) * gain.transpose();
  }
  return states;
}

ConversionTimes ConversionTracker::Report(Pass pass, double wander) const {
  const std::vector<CyclePhase> states = Smooth(&pass);
  size_t near = 0;
  ConversionTimes times;
  times.reads.reserve(reads_.size());
  times.wander = wander;
  times.log_likelihood = pass.log_likelihood;
  times.period_ns = states[states.size() / 2].x[1];
  double sum = 0;
  uint64_t count = 0;
  for (size_t i = 0; i < reads_.size(); ++i) {
    const CycleRead& read = reads_[i];
    const CyclePhase& state = states[pass.state_of[i]];
    const double end = state.x[0] + registers_[read.reg].offset * state.x[1];
    ConversionTime& time = times.reads.emplace_back();
    time = {.end_ns = end,
            .sd_ns = std::sqrt(std::max(0.0, state.p(0, 0))),
            .period_ns = state.x[1],
            .edge = 0,
            .cycle = state.cycle,
            .certain = IsCertain(read, state)};
    if (!time.certain) continue;
    WindowFit fit = pass.fits[i];
    if (const double later_ns = end - fit.end_ns; std::abs(later_ns) < fit.steady_ns) {
      fit.mean += later_ns * fit.slope * registers_[read.reg].noise;
      fit.residual -= later_ns * fit.slope;
      fit.steady_ns -= std::abs(later_ns);
    } else {
      fit = FitWindow(registers_[read.reg], read, end, state.x[1], &near);
    }
    time.edge = fit.edge;
    const double reach_ns = kBendReach * time.sd_ns;
    if (fit.steady_ns < reach_ns) time.bend = Bend(read, fit, end, state.x[1], reach_ns, &near);
    sum += fit.square();
    ++count;
  }
  times.misfit = count == 0 ? 0 : sum / static_cast<double>(count);
  const auto at = [&](const CyclePhase& state) {
    return CycleState{.begin_ns = state.x[0],
                      .sd_ns = std::sqrt(std::max(0.0, state.p(0, 0))),
                      .period_ns = state.x[1],
                      .sd_period_ns = std::sqrt(std::max(0.0, state.p(1, 1))),
                      .drift_ns = state.x[2],
                      .sd_drift_ns = std::sqrt(std::max(0.0, state.p(2, 2))),
                      .wander = wander,
                      .misfit = times.misfit};
  };
  times.middle = at(states[states.size() / 2]);
  times.last = at(states.back());
  return times;
}

CyclePhase ConversionTracker::AtLast(const CyclePhase& start, size_t from, double wander) const {
  return Filter(start, from, false, wander, Lost::kFoundAnew).filtered.back();
}

ConversionTimes ConversionTracker::Follow(const CyclePhase& start, size_t from,
                                          double wander) const {
  CyclePhase begin = start;
  if (from > 0) {  // back to the first read, and from there through all
    begin = Filter(start, from, true, wander, Lost::kFoundAnew).filtered.back();
    begin.p *= kUsedTwice;
  }
  return Report(Filter(begin, 0, false, wander, Lost::kFoundAnew), wander);
}

ConversionTracker::Hypothesis ConversionTracker::Weigh(FoundCycle start) const {
  Hypothesis best;
  best.log_likelihood = -std::numeric_limits<double>::infinity();
  for (const double wander : kWanders) {
    const auto pass = [&](bool backwards) {
      return Filter(start.phase, start.from, backwards, wander, Lost::kStaysLost).log_likelihood;
    };
    const double log_likelihood = pass(true) + pass(false);
    if (log_likelihood <= best.log_likelihood) continue;
    best.log_likelihood = log_likelihood;
    best.wander = wander;
  }
  best.start = std::move(start);
  return best;
}

}  // namespace synergy
