// What is wrong with a rail's readings as such: they are older than their stamps say, or the sensor
// is stuck.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <ranges>
#include <span>

#include "common/attribution/outlying_rows.h"
#include "common/attribution/rail_fitting.h"

namespace synergy {
namespace {

using Eigen::VectorXd;

// Readings that a sensor's delay is looked for with.
constexpr size_t kDelayReadings = 6'000;
constexpr size_t kFewestDelayReadings = 500;
// There is a delay if it makes the readings likelier by this logarithm.
constexpr double kDelayLikelihood = 15;
// Of windows that are known it may be negative, for clocks may be apart: first in steps of this
// share of a window, but no shorter ones, which are halved so many times around the best.
constexpr double kStampSteps = 0.25;
constexpr double kLeastStampStepNs = 200e3;
constexpr int kHalvings = 10;
// Standard deviations of what chance makes of a likelihood.
constexpr double kChance = 6;
// So many readings on end with one number, of which this share are so many standard deviations off
// while what ran changed by as much, are a sensor that is stuck.
constexpr size_t kStuckReadings = 32;
constexpr double kStuckOff = 6;
constexpr double kStuckShare = 0.25;
// Or they last for an iteration, where this share of the others, so many at least, see others.
constexpr double kNearlyAll = 0.9;
constexpr size_t kFewestIterations = 3;

}  // namespace

// In which its conversion lay.
RailFitting::Span RailFitting::SpanOf(const StepReading& r, double delay_ns) const {
  if (window().stamps_are_window()) return {r.begin_ns - delay_ns, r.end_ns - delay_ns};
  const double middle = 0.5 * (r.begin_ns + r.end_ns) - delay_ns;
  return {middle - (window().period_s() + window().slot_s()) * 1e9, middle};
}

double RailFitting::MeanSquare(const RegressionRows& rows, const VectorXd& p) {
  double squares = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double off = rows.y(i) - rows.Predict(i, p);
    squares += off * off;
  }
  return squares / static_cast<double>(rows.size());
}

// The same readings for every delay: those that are usable with any.
std::optional<double> RailFitting::MisfitAt(double delay_ns) const {
  const auto first =
      std::ranges::lower_bound(readings_, course_->measure_begin, {}, &StepReading::begin_ns);
  RailRows rows(*course_, *drift_, nullptr, nullptr);
  for (const StepReading& r : std::span(first, readings_.end())) {
    const Span latest = SpanOf(r, -kMostDelayNs), earliest = SpanOf(r, kMostDelayNs);
    if (!course_->IsUsable(earliest.begin_ns, latest.end_ns)) continue;
    const Span span = SpanOf(r, delay_ns);
    rows.Add(span.begin_ns, span.end_ns, r.steps, 0, 0);
    if (rows.rows().size() == kDelayReadings) break;
  }
  if (rows.rows().size() < kFewestDelayReadings) return std::nullopt;
  // Smeared windows hardly tell short operators apart; those that are known owe nothing to those.
  const double spread = window().stamps_are_window() ? Level() : 1;
  const VectorXd p = FitLeastSquares(rows.rows(), Quadratic::Around(p_, spread));
  return static_cast<double>(rows.rows().size()) *
         std::log(std::max(MeanSquare(rows.rows(), p), kRoundingVariance));
}

// Of two delays that are both wrong one fits better by chance, the more so the more powers are
// free.
double RailFitting::ClearlyLikelier(size_t parameters) {
  return 2 * kDelayLikelihood + kChance * std::sqrt(2 * static_cast<double>(parameters));
}

void RailFitting::FindStampDelay() {
  // One number says nothing of when it was read.
  const auto is_first = [&](const StepReading& r) { return r.steps == readings_.front().steps; };
  if (std::ranges::all_of(readings_, is_first)) return;
  const std::optional<double> none = MisfitAt(0);
  if (!none || readings_.empty()) return;
  const StepReading& middle = readings_[readings_.size() / 2];
  double step_ns = std::max(kStampSteps * (middle.end_ns - middle.begin_ns), kLeastStampStepNs);
  double best = *none, delay_ns = 0;
  const auto consider = [&](double at_ns) {
    if (std::abs(at_ns) > kMostDelayNs) return;
    const double misfit = MisfitAt(at_ns).value_or(best);
    if (misfit >= best) return;
    best = misfit;
    delay_ns = at_ns;
  };
  for (double at_ns = step_ns; at_ns <= kMostDelayNs; at_ns += step_ns) {
    consider(at_ns);
    consider(-at_ns);
  }
  for (int halving = 0; halving < kHalvings; ++halving) {
    step_ns /= 2;
    const double around_ns = delay_ns;
    consider(around_ns - step_ns);
    consider(around_ns + step_ns);
  }
  if (*none - best > ClearlyLikelier(course_->categories())) AddDelay(delay_ns);
}

// What a reading is off by, wherever in its reach its conversion lay. Nothing: setup or warm-up ran
// there.
std::optional<double> RailFitting::Off(const StepReading& r, WindowCursor* power) const {
  const Span span = SpanOf(r, 0);
  if (!course_->IsUsable(span.begin_ns, span.end_ns)) return std::nullopt;
  const double expected = power->Over(span.begin_ns, span.end_ns).mean;
  return r.steps - expected - DriftAt(span.begin_ns);
}

// Of the iterations that hold none of these stretches, whether nearly all see three numbers or
// more. Two are no sign of life: a rail that hardly moves drifts from between them onto one.
bool RailFitting::IterationsVary(const std::vector<Stretch>& stretches) const {
  const std::vector<double>& begins = course_->iteration_begins;
  size_t varied = 0, all = 0, at = 0;
  auto stretch = stretches.begin();
  for (size_t k = 0; k + 1 < begins.size(); ++k) {
    while (at < readings_.size() && readings_[at].begin_ns < begins[k]) ++at;
    while (stretch != stretches.end() && stretch->last <= at) ++stretch;
    double least = std::numeric_limits<double>::infinity(), most = -least;
    size_t i = at;
    for (; i < readings_.size() && readings_[i].end_ns < begins[k + 1]; ++i) {
      least = std::min(least, readings_[i].steps);
      most = std::max(most, readings_[i].steps);
    }
    if (i < at + kStuckReadings || (stretch != stretches.end() && stretch->first < i)) continue;
    ++all;
    varied += most - least >= 2 ? 1 : 0;
  }
  return all >= kFewestIterations &&
         static_cast<double>(varied) >= kNearlyAll * static_cast<double>(all);
}

// One number through as much time as a whole iteration takes. Between blocks of them nothing runs
// while the board decides.
bool RailFitting::LastsTooLong(const Stretch& s) const {
  const double begin = std::max(readings_[s.first].begin_ns, course_->measure_begin);
  const double end = std::min(readings_[s.last - 1].end_ns, course_->measure_end);
  const auto iterations = static_cast<double>(course_->iteration_begins.size());
  return course_->UsableTime(begin, end) >
         course_->UsableTime(course_->measure_begin, course_->measure_end) / iterations;
}

// Far from what is expected there, while that changes.
bool RailFitting::IsFarOff(const Stretch& s, double sd, WindowCursor* power) const {
  size_t far = 0, usable = 0;
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (size_t i = s.first; i < s.last; ++i) {
    const std::optional<double> off = Off(readings_[i], power);
    if (!off) continue;
    ++usable;
    far += std::abs(*off) > kStuckOff * sd ? 1 : 0;
    least = std::min(least, *off);
    most = std::max(most, *off);
  }
  return usable >= kStuckReadings && most - least > kStuckOff * sd &&
         static_cast<double>(far) >= kStuckShare * static_cast<double>(usable);
}

bool RailFitting::EraseStuck() {
  std::vector<Stretch> stretches;
  const double least_ns = kStuckReadings * window().period_s() * 1e9;
  for (size_t first = 0, last = 0; first < readings_.size(); first = last) {
    const double steps = readings_[first].steps;
    while (last < readings_.size() && readings_[last].steps == steps) ++last;
    const double length_ns = readings_[last - 1].end_ns - readings_[first].begin_ns;
    if (last - first >= kStuckReadings && length_ns > least_ns) stretches.push_back({first, last});
  }
  if (stretches.empty()) return false;
  WindowCursor power(Course());
  std::vector<double> sample;
  for (size_t i = 0; i < readings_.size(); i += OneIn(readings_.size())) {
    if (const auto off = Off(readings_[i], &power)) sample.push_back(std::abs(*off));
  }
  if (sample.empty()) return false;
  const double sd =
      std::max({StandardDeviation(&sample), std::sqrt(kRoundingVariance), NoiseFloor()});
  const bool vary = IterationsVary(stretches);
  std::vector<Stretch> stuck;
  std::ranges::copy_if(stretches, std::back_inserter(stuck), [&](const Stretch& s) {
    return (vary && LastsTooLong(s)) || IsFarOff(s, sd, &power);
  });
  for (const Stretch& s : stuck | std::views::reverse) {
    part_.stuck += s.last - s.first;
    const auto begin = readings_.begin();
    readings_.erase(begin + static_cast<ptrdiff_t>(s.first),
                    begin + static_cast<ptrdiff_t>(s.last));
  }
  return !stuck.empty();
}

}  // namespace synergy
