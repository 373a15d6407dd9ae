#include "common/attribution/rail_fitting.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/attribution/filtered_windows.h"

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kIterationsOnTheWay = 6;
constexpr int kIterationsAtLast = 30;
// A power without readings is around the mean of all, within ten times that.
constexpr double kPriorSpread = 10;
// The drift's knots: 10 % of the mean power, as one standard deviation.
constexpr double kDriftSpread = 0.1;
// What is known of a place before the readings are asked once more: this many of the standard
// deviations that they have given.
constexpr double kPlaceSpread = 3;
constexpr double kLeastPlaceUs = 0.2;
constexpr double kRoundingVariance = 1.0 / 12;
// Fewer readings say nothing about operators.
constexpr size_t kFewestReadings = 16;
// Readings of a filter that are so many of its time constants apart differ enough to be counted.
constexpr double kFilteredSpacing = 0.5;
// A filter that still holds more than this of setup or warm-up is not read.
constexpr double kMostOfOther = 0.02;
// A slope of the voltage against the current needs so many readings, and currents that differ by
// this share of their square.
constexpr double kFewestVoltages = 12;
constexpr double kLeastSpread = 1e-4;

// A reading this many standard deviations from what was expected has another window than it is
// taken to have, or something else ran: one of them would make the noise of thousands.
constexpr double kOutlier = 6;
// More than this share are no outliers: the model does not hold, and the noise must say so.
constexpr double kMostOutliers = 0.01;

// Gives outliers a variance that makes them worth nothing; how many there are.
uint64_t LeaveOutOutliers(const VectorXd& p, RegressionRows* rows) {
  std::vector<double> off(rows->size());
  for (size_t i = 0; i < rows->size(); ++i) off[i] = std::abs(rows->y(i) - rows->Predict(i, p));
  std::vector<double> sorted = off;
  const auto median = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), median, sorted.end());
  // Of a normal distribution the median deviation is 0.6745 standard deviations.
  const double sd = std::max(*median / 0.6745, std::sqrt(kRoundingVariance));
  std::vector<size_t> outliers;
  for (size_t i = 0; i < rows->size(); ++i) {
    if (off[i] > kOutlier * std::sqrt(sd * sd + rows->variance(i))) outliers.push_back(i);
  }
  if (static_cast<double>(outliers.size()) > kMostOutliers * static_cast<double>(rows->size())) {
    return 0;
  }
  constexpr double kWorthNothing = 1e12;
  for (const size_t i : outliers) rows->set_variance(i, kWorthNothing * sd * sd);
  return outliers.size();
}

}  // namespace

RailFitting::RailFitting(const RunCourse& course, const SlowDrift& drift, const RailReadings& input)
    : course_(course),
      drift_(drift),
      input_(input),
      categories_(static_cast<Eigen::Index>(course.categories())),
      knots_(static_cast<Eigen::Index>(drift.knots())) {
  out_.rail = input.rail;
  out_.scale = input.channel.scale();
  double sum = 0;
  for (const StepReading& r : input.readings) sum += r.steps;
  level_ = sum / static_cast<double>(std::max<size_t>(input.readings.size(), 1));
  p_ = VectorXd::Zero(categories_ + knots_);
  p_.head(categories_).setConstant(level_);
}

double RailFitting::sd_steps() const { return std::sqrt(noise_ * noise_ + kRoundingVariance); }

PowerCourse RailFitting::Course() const { return {course_.occupancy, p_.head(categories_)}; }

double RailFitting::DriftAt(double at_ns) const {
  const SlowDrift::Weights w = drift_.At(at_ns);
  const Eigen::Index knot = categories_ + static_cast<Eigen::Index>(w.knot);
  return w.first * p_[knot] + w.second * p_[knot + 1];
}

bool RailFitting::IsUsable(double begin, double end) {
  if (!course_.occupancy.Row(begin, end, &row_)) return false;
  return std::ranges::none_of(row_, [&](const auto& e) { return e.parameter == course_.other(); });
}

Quadratic RailFitting::Prior(bool place_errors) const {
  const double level = std::max(std::abs(level_), 1.0);
  VectorXd mean = VectorXd::Zero(categories_ + knots_ * (place_errors ? 2 : 1));
  mean.head(categories_).setConstant(level_);
  Quadratic prior = Quadratic::Around(mean, kPriorSpread * level);
  prior.h.diagonal().segment(categories_, knots_).setConstant(std::pow(kDriftSpread * level, -2));
  if (place_errors) {
    const double sd_us = std::max(kPlaceSpread * out_.place_sd_s * 1e6, kLeastPlaceUs);
    prior.h.diagonal().tail(knots_).setConstant(1 / (sd_us * sd_us));
  }
  return prior;
}

void RailFitting::Regress(RailRows* rows, bool place_errors, int most_iterations) {
  VectorXd start = VectorXd::Zero(static_cast<Eigen::Index>(rows->parameters()));
  start.head(p_.size()) = p_;
  const Quadratic prior = Prior(place_errors);
  fit_ = FitRounded(rows->rows(), std::move(start), noise_, prior, most_iterations);
  out_.outliers = LeaveOutOutliers(fit_.p, &rows->rows());
  if (out_.outliers > 0) {
    fit_ = FitRounded(rows->rows(), fit_.p, fit_.noise, prior, most_iterations);
  }
  p_ = fit_.p.head(p_.size());
  noise_ = fit_.noise;
}

bool RailFitting::FitSmeared() {
  const double reach_ns = (window().period_s() + window().slot_s()) * 1e9;
  RailRows rows(course_, drift_, false);
  for (const StepReading& r : input_.readings) {
    const double middle = 0.5 * (r.begin_ns + r.end_ns);
    rows.Add(middle - reach_ns, middle, r.steps, 0, 0);
  }
  out_.readings = rows.rows().size();
  if (rows.rows().size() < kFewestReadings) {
    out_.why_not = "too few readings in measured iterations";
    return false;
  }
  // As if each parameter had one reading more that says the mean: such windows hardly tell short
  // operators apart.
  p_ = FitLeastSquares(rows.rows(), Quadratic::Around(p_, 1));
  double squares = 0;
  for (size_t i = 0; i < rows.rows().size(); ++i) {
    const double off = rows.rows().y(i) - rows.rows().Predict(i, p_);
    squares += off * off;
  }
  noise_ = std::sqrt(squares / static_cast<double>(rows.rows().size()));
  const VectorXd start = p_;
  Regress(&rows, false, kIterationsOnTheWay);
  out_.windows = WindowKind::kSmeared;
  Finish(rows);
  // Where better windows begin: without the wild values that operators get which smeared windows
  // cannot tell apart, and with the noise that is not such windows' misfit.
  p_ = start;
  noise_ *= 0.5;
  return true;
}

void RailFitting::FitKnown() {
  const double sd_us = window().edge_sd_s() * 1e6;
  for (int round = 0; round < (sd_us > 0 ? 2 : 1); ++round) {
    const PowerCourse power = Course();
    RailRows rows(course_, drift_, false);
    for (const StepReading& r : input_.readings) {
      const double change = power.PowerAt(r.end_ns) - power.PowerAt(r.begin_ns);
      const double error = 1e3 * change / (r.end_ns - r.begin_ns) * sd_us;
      rows.Add(r.begin_ns, r.end_ns, r.steps, 0, error * error);
    }
    if (rows.rows().size() < kFewestReadings) return;
    Regress(&rows, false, kIterationsAtLast);
    out_.windows = WindowKind::kKnown;
    Finish(rows);
  }
}

void RailFitting::FitFiltered() {
  const double period_ns = window().period_s() * 1e9;
  const double decay_ns = window().average() * period_ns;
  RailRows rows(course_, drift_, false);
  FilteredShares filtered(course_.occupancy, course_.categories(), decay_ns);
  double next = course_.occupancy.begin_ns();
  for (const StepReading& r : input_.readings) {
    // The last conversion ended half a period before the read, on average, its middle half a slot
    // before that.
    const double at = 0.5 * (r.begin_ns + r.end_ns - period_ns - window().slot_s() * 1e9);
    if (at < next) continue;
    const std::span<const double> shares = filtered.At(at);
    if (shares.empty() || shares[course_.other()] > kMostOfOther) continue;
    next = at + kFilteredSpacing * decay_ns;
    rows.AddShares(shares.first(course_.other()), at - decay_ns, r.steps, 0);
  }
  out_.readings = input_.readings.size();
  out_.windows = WindowKind::kFiltered;
  if (rows.rows().size() < 2) {
    out_.why_not = "too few independent readings behind the sensor's filter";
    return;
  }
  noise_ = 0.5;
  Regress(&rows, false, kIterationsAtLast);
  Finish(rows);
}

// Readings of idle phases: wherever their windows lie, the board idled. As far apart as conversions
// are, so that none counts twice.
void RailFitting::AddIdleRows(double after_ns, double before_ns, RailRows* rows) {
  const double period_ns = window().period_s() * (1 + window().period_tolerance()) * 1e9;
  const double reach_ns = period_ns + window().slot_s() * 1e9;
  double next = after_ns;
  for (const StepReading& r : input_.readings) {
    const double begin = r.begin_ns - reach_ns;
    if (begin < after_ns || r.end_ns > before_ns || r.begin_ns < next) continue;
    if (!course_.occupancy.Row(begin, r.end_ns, &row_)) continue;
    if (row_.size() != 1 || row_.front().parameter != course_.idle()) continue;
    rows->Add(begin, r.end_ns, r.steps, 0, 0);
    next = r.begin_ns + period_ns;
  }
}

void RailFitting::FitConversions(const std::vector<CycleRead>& reads, const ConversionTimes& times,
                                 uint32_t reg, bool last) {
  const PowerCourse power = Course();
  RailRows rows(course_, drift_, last);
  AddIdleRows(-std::numeric_limits<double>::infinity(), course_.measure_begin, &rows);
  int64_t cycle = std::numeric_limits<int64_t>::min();
  double squares = 0;
  size_t placed = 0;
  for (size_t i = 0; i < reads.size(); ++i) {
    const ConversionTime& time = times.reads[i];
    if (reads[i].reg != reg || !time.certain || time.cycle == cycle) continue;
    const double slot = slot_share() * time.period_ns, begin = time.end_ns - slot;
    const double edge = 1e3 * (power.PowerAt(time.end_ns) - power.PowerAt(begin)) / slot;
    const double error = edge * time.sd_ns * 1e-3;
    const double variance = last ? 0 : error * error;
    if (!rows.Add(begin, time.end_ns, reads[i].value, edge, variance)) continue;
    cycle = time.cycle;
    squares += time.sd_ns * time.sd_ns;
    ++placed;
  }
  if (placed < kFewestReadings) return;
  AddIdleRows(course_.measure_end, std::numeric_limits<double>::infinity(), &rows);
  out_.place_sd_s = 1e-9 * std::sqrt(squares / static_cast<double>(placed));
  Regress(&rows, last, last ? kIterationsAtLast : kIterationsOnTheWay);
  if (!last) return;
  out_.windows = WindowKind::kFitted;
  out_.period_s = 1e-9 * times.period_ns;
  Finish(rows);
}

// Covariances of categories and knots; the errors of places are eliminated in the inverse.
void RailFitting::Finish(const RailRows& rows) {
  const Eigen::Index all = fit_.p.size(), kept = p_.size();
  const MatrixXd covariance =
      fit_.information.selfadjointView<Eigen::Lower>().ldlt().solve(MatrixXd::Identity(all, all));
  out_.p = p_;
  out_.model_covariance = covariance.topLeftCorner(kept, kept);
  out_.robust_covariance =
      (covariance * fit_.score_products * covariance).topLeftCorner(kept, kept);
  out_.clusters = fit_.clusters;
  out_.noise_steps = noise_;
  out_.used = rows.rows().size();
  out_.touched = rows.touched();
  out_.covered_s = rows.covered_s();
  BoundRounding(rows);
}

// A rail that hardly moves between two steps tells nothing of where it stands between them, but it
// does not stand elsewhere: the mean of all readings is off by at most half a step.
void RailFitting::BoundRounding(const RailRows& rows) {
  VectorXd mean = VectorXd::Zero(p_.size());
  double y = 0;
  const auto count = static_cast<double>(rows.rows().size());
  for (size_t i = 0; i < rows.rows().size(); ++i) {
    y += rows.rows().y(i) / count;
    for (const auto& e : rows.rows().entries(i)) {
      if (e.parameter < mean.size()) mean[e.parameter] += e.weight / count;
    }
  }
  const VectorXd towards = out_.model_covariance * mean;
  const double variance = mean.dot(towards);
  if (!(variance > kRoundingVariance)) return;
  const double gain = (1 - kRoundingVariance / variance) / variance;
  out_.p += gain * (y - mean.dot(out_.p)) * towards;
  out_.model_covariance -= gain * towards * towards.transpose();
}

// V = volts - ohm * I by least squares. The conversion lies anywhere in the period before the read,
// so the current's mean over that is what it is expected to have seen: unbiased, whatever it saw.
void RailFitting::FitVoltage() {
  if (input_.voltage.empty() || out_.p.size() == 0) return;
  const double scale = out_.scale, reach_ns = std::max(window().period_s() * 1e9, 1.0);
  const PowerCourse current(course_.occupancy, out_.p.head(categories_));
  double n = 0, i1 = 0, v1 = 0, ii = 0, iv = 0;
  for (const VoltageReading& r : input_.voltage) {
    if (!IsUsable(r.at_ns - reach_ns, r.at_ns)) continue;
    const double amperes = scale * (current.Mean(r.at_ns - reach_ns, r.at_ns) + DriftAt(r.at_ns));
    n += 1;
    i1 += amperes;
    v1 += r.volts;
    ii += amperes * amperes;
    iv += amperes * r.volts;
  }
  if (n < 1) {
    for (const VoltageReading& r : input_.voltage) v1 += r.volts;
    out_.voltage = {.volts = v1 / static_cast<double>(input_.voltage.size()), .ohm = 0};
    return;
  }
  const double spread = ii - i1 * i1 / n;
  // Too few readings, or all at one current, say nothing of the sag.
  const bool has_slope = n >= kFewestVoltages && spread > kLeastSpread * ii;
  const double ohm = has_slope ? std::max(0.0, (i1 * v1 / n - iv) / spread) : 0;
  out_.voltage = {.volts = (v1 + ohm * i1) / n, .ohm = ohm};
}

}  // namespace synergy
