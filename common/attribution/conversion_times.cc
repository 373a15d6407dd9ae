#include "common/attribution/conversion_times.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace synergy {
namespace {

using Eigen::Matrix3d;
using Eigen::Vector3d;

// Acquisition looks at so many reads of each register; in several pieces of the run, since a piece
// may be poor in edges.
constexpr size_t kPieceReads = 240;
constexpr size_t kPieces = 4;
// Steps of phase, and of the phase at the piece's ends by the period: parts of a slot.
constexpr double kSlotSteps = 4;
// A residual beyond so many standard deviations says nothing more: one bad window among good ones.
constexpr double kOutlier = 5;
// What a read costs whose conversion is in doubt, as a logarithm of likelihood: more than one that
// is explained, which costs a half on average, so that losing track does not pay.
constexpr double kCostOfDoubt = 2;
// Standard deviations by which a read must be away from a conversion's end.
constexpr double kCertain = 4;
// What the period may do, relative, per root of a second; tried one after the other. The slowest is
// a chip at a steady temperature, the fastest one that is being heated.
constexpr double kWanders[] = {1e-7, 1e-6, 3e-5, 1e-3};
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
// How well the change of the period is known at first, relative to it, per cycle.
constexpr double kDriftAtFirst = 1e-7;
// Standard deviations to either side within which a window may lie.
constexpr double kBendReach = 2;
// What is known from a round before is taken for less certain by this factor, and at least so
// uncertain: the course has changed since.
constexpr double kLoosened = 4;
constexpr double kLeastSdNs = 1e3;

struct State {
  Vector3d x = Vector3d::Zero();  // end of cycle `cycle` [ns], period [ns], change of the period
                                  // per cycle [ns]
  Matrix3d p = Matrix3d::Identity();
  int64_t cycle = 0;
};

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

class Tracker {
 public:
  Tracker(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
          const std::vector<CycleRead>& reads)
      : nominal_(nominal), registers_(registers), reads_(reads) {}

  // A hypothesis, and by how much the reads speak against it; 1: as much as against any other.
  struct Acquired {
    State state;  // of read `from`
    size_t from = 0;
    double score = 1;
  };
  Acquired Acquire(size_t first, size_t last, size_t stride) const;
  // Filters and smooths from `start`; all reads before it, too. Tries all wanders.
  ConversionTimes Track(const Acquired& start) const;
  // The same from the first read on, with one wander.
  ConversionTimes Follow(const State& begin, double wander) const;

 private:
  // The logarithm of a product of likelihoods; of the variances one is taken for many.
  class Likelihood {
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
  struct Pass {
    std::vector<State> filtered, predicted;
    std::vector<double> cycles;      // from the state before
    std::vector<uint32_t> state_of;  // by read
    double log_likelihood = 0;
  };
  struct Fit {
    double square = 0;  // capped
    double edge = 0;    // power at the window's end less that at its begin
    double mean = 0;    // power over the window
    double steady_ns = 0;
    double slope = 0;  // how much a ns of phase changes the reading, in its noise
    double residual = 0;
  };

  // The register whose readings vary most, in its noise: one that hardly moves tells no hypothesis
  // from another.
  uint32_t Strongest() const;
  double Middle(size_t read) const {
    return 0.5 * (reads_[read].earliest_ns + reads_[read].latest_ns);
  }
  using Cursors = std::vector<WindowCursor>;  // by register
  Cursors MakeCursors() const {
    Cursors cursors;
    for (const CycleRegister& reg : registers_) cursors.emplace_back(*reg.course);
    return cursors;
  }
  Fit Compare(const CycleRead& read, double end_ns, double period_ns, Cursors* cursors) const;
  double Bend(const CycleRead& read, const Fit& fit, double end_ns, double period_ns,
              double reach_ns, Cursors* cursors) const;
  double Score(double phase_ns, double period_ns, const std::vector<size_t>& reads) const;
  double CyclesTo(const CycleRead& read, const State& state) const;
  static void Advance(double cycles, double wander, State* state);
  bool IsCertain(const CycleRead& read, const State& state) const;
  void Update(const CycleRead& read, State* state, Likelihood* likelihood, Cursors* cursors) const;
  Pass Filter(State start, size_t from, bool backwards, double wander) const;
  std::vector<State> Smooth(const Pass& pass) const;
  ConversionTimes Report(const Pass& pass, double wander) const;

  const CycleNominal& nominal_;
  const std::vector<CycleRegister>& registers_;
  const std::vector<CycleRead>& reads_;
};

uint32_t Tracker::Strongest() const {
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

Tracker::Fit Tracker::Compare(const CycleRead& read, double end_ns, double period_ns,
                              Cursors* cursors) const {
  const CycleRegister& reg = registers_[read.reg];
  const double slot_ns = reg.slot_share * period_ns;
  const double begin_ns = end_ns - slot_ns;
  Fit fit;
  const WindowPower power = (*cursors)[read.reg].Over(begin_ns, end_ns);
  fit.residual = (read.value - power.mean) / reg.noise;
  fit.square = std::min(fit.residual * fit.residual, kOutlier * kOutlier);
  fit.edge = power.edge;
  fit.mean = power.mean;
  fit.steady_ns = power.steady_ns;
  fit.slope = power.edge / (slot_ns * reg.noise);
  return fit;
}

double Tracker::Bend(const CycleRead& read, const Fit& fit, double end_ns, double period_ns,
                     double reach_ns, Cursors* cursors) const {
  const double slope = fit.edge / (registers_[read.reg].slot_share * period_ns);
  double most = 0;
  for (const double by_ns : {-reach_ns, reach_ns}) {
    const double mean = Compare(read, end_ns + by_ns, period_ns, cursors).mean;
    most = std::max(most, std::abs(mean - fit.mean - slope * by_ns));
  }
  return most / kBendReach;
}

// Mean over these reads.
double Tracker::Score(double phase_ns, double period_ns, const std::vector<size_t>& reads) const {
  Cursors cursors = MakeCursors();
  double sum = 0;
  for (const size_t i : reads) {
    const CycleRead& read = reads_[i];
    const double zero = phase_ns + registers_[read.reg].offset * period_ns;
    const double end = zero + period_ns * std::floor((Middle(i) - zero) / period_ns);
    sum += Compare(read, end, period_ns, &cursors).square;
  }
  return reads.empty() ? 0 : sum / static_cast<double>(reads.size());
}

Tracker::Acquired Tracker::Acquire(size_t first, size_t last, size_t stride) const {
  Acquired found;
  found.from = (first + last) / 2;
  const double middle = Middle(found.from);
  const double half_ns = 0.5 * (Middle(last - 1) - Middle(first));
  double slot_share = 1;
  for (const CycleRegister& reg : registers_) slot_share = std::min(slot_share, reg.slot_share);
  const double step_ns = slot_share * nominal_.period_ns / kSlotSteps;
  const double period_step = step_ns / std::max(half_ns, step_ns);  // relative
  const double lowest = nominal_.period_ns * (1 - nominal_.tolerance);
  const double highest = nominal_.period_ns * (1 + nominal_.tolerance);
  const uint32_t strongest = Strongest();
  std::vector<size_t> reads;
  size_t of_strongest = 0;
  for (size_t i = first; i < last; ++i) {
    if (reads_[i].reg == strongest && of_strongest++ % stride == 0) reads.push_back(i);
  }
  std::vector<double> scores;
  double best = std::numeric_limits<double>::infinity();
  for (double period = lowest; period <= highest * (1 + period_step / 2);
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
  const double sd_period = period_step * found.state.x[1];
  found.state.p = Vector3d(step_ns * step_ns, sd_period * sd_period,
                           std::pow(kDriftAtFirst * found.state.x[1], 2))
                      .asDiagonal();
  return found;
}

// To the cycle that the read shows, whichever way that is.
double Tracker::CyclesTo(const CycleRead& read, const State& state) const {
  const double at =
      0.5 * (read.earliest_ns + read.latest_ns) - registers_[read.reg].offset * state.x[1];
  return std::floor((at - state.x[0]) / state.x[1]);
}

void Tracker::Advance(double cycles, double wander, State* state) {
  Move(cycles, state->x);
  Move(cycles, state->p);
  Move(cycles, state->p.transpose());
  state->p += ProcessNoise(cycles, state->x[1], wander);
  state->cycle += static_cast<int64_t>(cycles);
}

bool Tracker::IsCertain(const CycleRead& read, const State& state) const {
  const double end = state.x[0] + registers_[read.reg].offset * state.x[1];
  const double margin = kCertain * std::sqrt(std::max(0.0, state.p(0, 0)));
  return read.earliest_ns - end > margin && end + state.x[1] - read.latest_ns > margin;
}

void Tracker::Update(const CycleRead& read, State* state, Likelihood* likelihood,
                     Cursors* cursors) const {
  if (!IsCertain(read, *state)) {
    likelihood->AddDoubt();
    return;
  }
  const CycleRegister& reg = registers_[read.reg];
  const Fit fit = Compare(read, state->x[0] + reg.offset * state->x[1], state->x[1], cursors);
  const Vector3d h(fit.slope, fit.slope * reg.offset, 0);
  const Vector3d ph = state->p * h;
  const double variance = 1 + h.dot(ph);
  const double square = fit.residual * fit.residual / variance;
  likelihood->Add(std::min(square, kOutlier * kOutlier), variance);
  if (square > kOutlier * kOutlier) return;
  const Vector3d gain = ph / variance;
  state->x += gain * fit.residual;
  state->p -= gain * ph.transpose();
  state->p = 0.5 * (state->p + state->p.transpose()).eval();
}

Tracker::Pass Tracker::Filter(State start, size_t from, bool backwards, double wander) const {
  Pass pass;
  Cursors cursors = MakeCursors();
  const size_t count = backwards ? from + 1 : reads_.size() - from;
  pass.filtered.reserve(count);
  pass.predicted.reserve(count);
  pass.cycles.reserve(count);
  pass.state_of.reserve(count);
  State state = start;
  Likelihood likelihood;
  for (size_t k = 0; k < count; ++k) {
    const CycleRead& read = reads_[backwards ? from - k : from + k];
    const double cycles = CyclesTo(read, state);
    if (cycles != 0 || k == 0) {
      Advance(cycles, wander, &state);
      pass.predicted.push_back(state);
      pass.cycles.push_back(cycles);
      pass.filtered.push_back(state);
    }
    Update(read, &state, &likelihood, &cursors);
    pass.filtered.back() = state;
    pass.state_of.push_back(static_cast<uint32_t>(pass.filtered.size() - 1));
  }
  pass.log_likelihood = likelihood.log();
  return pass;
}

std::vector<State> Tracker::Smooth(const Pass& pass) const {
  std::vector<State> states = pass.filtered;
  for (size_t k = states.size() - 1; k-- > 0;) {
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

ConversionTimes Tracker::Report(const Pass& pass, double wander) const {
  const std::vector<State> states = Smooth(pass);
  Cursors cursors = MakeCursors();
  ConversionTimes times;
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
    const Fit fit = Compare(read, end, state.x[1], &cursors);
    time.edge = fit.edge;
    const double reach_ns = kBendReach * time.sd_ns;
    if (fit.steady_ns < reach_ns) time.bend = Bend(read, fit, end, state.x[1], reach_ns, &cursors);
    sum += fit.square;
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
  times.first = at(states.front());
  times.last = at(states.back());
  return times;
}

ConversionTimes Tracker::Follow(const State& begin, double wander) const {
  return Report(Filter(begin, 0, false, wander), wander);
}

ConversionTimes Tracker::Track(const Acquired& start) const {
  ConversionTimes best;
  for (const double wander : kWanders) {
    // Back to the first read, and from there through all.
    State begin = Filter(start.state, start.from, true, wander).filtered.back();
    begin.p *= 4;  // what it says was used once already
    ConversionTimes times = Follow(begin, wander);
    if (best.reads.empty() || times.log_likelihood > best.log_likelihood) best = std::move(times);
  }
  return best;
}

}  // namespace

namespace {

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
  Tracker::Acquired Acquire(const Tracker& tracker, size_t piece) const {
    const size_t first = (reads_ - length_) * piece / kPieces;
    return tracker.Acquire(first, first + length_, stride_);
  }

 private:
  size_t reads_, stride_ = 1, length_ = 0;
};

// Whether most pieces have found the period of `best`: by chance no two would.
bool Agree(const std::vector<Tracker::Acquired>& pieces, const Tracker::Acquired& best) {
  const double tolerance_ns = kAgreement * std::sqrt(best.state.p(1, 1));
  const auto count = std::ranges::count_if(pieces, [&](const Tracker::Acquired& piece) {
    return std::abs(piece.state.x[1] - best.state.x[1]) <= tolerance_ns;
  });
  return static_cast<size_t>(count) + 1 >= kPieces;
}

}  // namespace

std::optional<ConversionTimes> FindConversionTimes(const CycleNominal& nominal,
                                                   const std::vector<CycleRegister>& registers,
                                                   const std::vector<CycleRead>& reads) {
  if (registers.empty() || reads.size() < kPieceReads) return std::nullopt;
  const Tracker tracker(nominal, registers, reads);
  const Pieces pieces(nominal, registers, reads);
  Tracker::Acquired best;
  std::vector<Tracker::Acquired> all;
  for (size_t i = 0; i < kPieces; ++i) {
    const Tracker::Acquired found = pieces.Acquire(tracker, i);
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
  const Tracker tracker(nominal, registers, reads);
  const Pieces pieces(nominal, registers, reads);
  std::vector<ConversionTimes> others;
  for (size_t i = 0; i < kPieces; ++i) {
    const Tracker::Acquired found = pieces.Acquire(tracker, i);
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
  State begin;
  begin.x = {before.begin_ns, before.period_ns, before.drift_ns};
  const double sd_ns = kLoosened * std::max(before.sd_ns, kLeastSdNs);
  const double sd_period_ns = kLoosened * std::max(before.sd_period_ns, 1e-6 * before.period_ns);
  begin.p = Vector3d(sd_ns * sd_ns, sd_period_ns * sd_period_ns,
                     std::pow(kDriftAtFirst * before.period_ns, 2))
                .asDiagonal();
  return Tracker(nominal, registers, reads).Follow(begin, before.wander);
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
