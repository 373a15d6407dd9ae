#include "common/attribution/rail_fitting.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/attribution/outlying_rows.h"

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// A later part's rows are looked at again where they move what is expected by this share of the
// noise.
constexpr int kMostSteps = 8;
constexpr double kFarStep = 0.05;
// A power without readings is around the mean of all, within twice that, as one standard deviation.
constexpr double kPriorSpread = 2;
// Behind a filter, which hardly tells operators apart, they are alike within this share of it.
constexpr double kFilteredSpread = 0.3;
// The drift's knots: this share of the mean power, as one standard deviation. A closer one would
// make the noise smaller where the readings know the powers only in terms of it.
constexpr double kDriftSpread = 0.3;
// The noise is around what it was found to be before, within ten times that.
constexpr double kNoiseSpread = 10;
// No meter is better than this share of what it reads. Were the noise of a trace without any taken
// for less, the readings' information would be so much greater than that of what is known beside
// them that numbers of double precision cannot hold the sum of both.
constexpr double kLeastNoiseShare = 1e-6;
// One that other rails of the chip tell is held in later parts, its information so much greater:
// where a rail stands at the border of two steps, noise and powers are known in terms of each other
// alone, and sums of quadratics around different places lead away from both.
constexpr double kHeldNoise = 1e4;
// Readings that are scattered over fewer steps (one standard deviation) stand mostly on two values.
constexpr double kHardlyMoves = 1;
// How much faster than all on average the drift grows with the power: proportional to it at 1.
constexpr double kMostSlope = 1;
constexpr double kMostGrowth = 2;
constexpr double kGrowthSpread = 0.5;
// Between operators and idle: this share of the mean power apart, as one standard deviation.
constexpr double kBetweenSpread = 0.2;
// What is known of a place before the readings are asked once more: this many of the standard
// deviations that they have given.
constexpr double kPlaceSpread = 3;
constexpr double kLeastPlaceUs = 0.2;
// No oscillator keeps its period better, relative.
constexpr double kLeastPeriodError = 1e-6;

// Of the predictions, rms.
double ChangeOf(const RegressionRows& rows, const VectorXd& by) {
  double squares = 0, count = 0;
  for (size_t i = 0; i < rows.size(); i += OneIn(rows.size())) {
    squares += std::pow(rows.Predict(i, by), 2);
    count += 1;
  }
  return std::sqrt(squares / std::max(count, 1.0));
}

// By how much a drift's knots must move so that readings are no longer off.
class DriftStep {
 public:
  explicit DriftStep(const SlowDrift& drift)
      : normal_(MatrixXd::Identity(Size(drift), Size(drift))),
        right_(VectorXd::Zero(Size(drift))) {}

  void Add(const SlowDrift::Weights& at, double off) {
    const auto knot = static_cast<Eigen::Index>(at.knot);
    right_[knot] += at.first * off;
    right_[knot + 1] += at.second * off;
    normal_(knot, knot) += at.first * at.first;
    normal_(knot + 1, knot + 1) += at.second * at.second;
    normal_(knot, knot + 1) += at.first * at.second;
    normal_(knot + 1, knot) += at.first * at.second;
  }
  VectorXd Solve() const { return normal_.ldlt().solve(right_); }

 private:
  static Eigen::Index Size(const SlowDrift& drift) {
    return static_cast<Eigen::Index>(drift.knots());
  }
  MatrixXd normal_;  // as if one reading more said of each knot that it stays
  VectorXd right_;
};

}  // namespace

void RailFitting::BeginPart(const RunCourse& course, const SlowDrift& drift,
                            const RailReadings& input, const Remapping* map) {
  course_ = &course;
  drift_ = &drift;
  input_ = &input;
  readings_ = input.readings;
  Shift(delay_ns_);
  categories_ = static_cast<Eigen::Index>(course.categories());
  knots_ = static_cast<Eigen::Index>(drift.knots());
  out_.rail = input.rail;
  out_.scale = input.channel.scale();
  part_ = {};
  power_.reset();
  if (!level_ && !readings_.empty()) {
    double sum = 0, squares = 0;
    for (const StepReading& r : readings_) {
      sum += r.steps;
      squares += r.steps * r.steps;
    }
    const auto n = static_cast<double>(readings_.size());
    level_ = sum / n;
    spread_ = std::sqrt(std::max(squares / n - *level_ * *level_, 0.0));
  }
  if (p_.size() == 0) {
    p_ = VectorXd::Zero(categories_ + knots_);
    p_.head(categories_).setConstant(level_.value_or(0));
    drift_factor_ = VectorXd::Ones(categories_);
  } else if (map != nullptr) {
    p_ = map->Values(p_, level_.value_or(0));
    drift_factor_ = map->CategoryValues(drift_factor_, 1);
    summary_.Remap(*map);
  }
}

void RailFitting::Shift(double by_ns) {
  for (StepReading& r : readings_) {
    r.begin_ns -= by_ns;
    r.end_ns -= by_ns;
  }
}

void RailFitting::AddDelay(double delay_ns) {
  delay_ns_ += delay_ns;
  Shift(delay_ns);
}

void RailFitting::Settle() {
  if (!part_.empty()) {
    out_.why_not.clear();
    p_ = kept_fit_.p.head(p_.size());
    noise_ = kept_fit_.noise;
    if (!is_known()) power_.reset();
  }
  summary_.Add(part_);
}

void RailFitting::EndPart() {
  part_ = {};
  power_.reset();
}

RailFitting::NoiseEstimate RailFitting::OwnNoise() const {
  const Quadratic prior = Prior(nullptr);
  const Eigen::LDLT<MatrixXd> solver(prior.h + part_.data.h);
  const Eigen::Index noise = p_.size();
  const VectorXd column = solver.solve(VectorXd::Unit(noise + 1, noise));
  return {.steps = kept_fit_.noise, .information = 1 / column[noise]};
}

bool RailFitting::HardlyMoves() const { return spread_ < kHardlyMoves; }

void RailFitting::SetNoise(double steps, double sd) {
  noise_prior_ = {.steps = steps, .information = 1 / (sd * sd)};
  noise_ = steps;
}

double RailFitting::sd_steps() const { return std::sqrt(noise_ * noise_ + kRoundingVariance); }

// Readings tell a drift that is the same at all times from the powers only by how it grows with
// them. So its mean, which may be of many steps, is the powers', each with its own growth.
const PowerCourse& RailFitting::Course() {
  if (!power_) {
    mean_drift_ = MeanKnots();
    const VectorXd powers = p_.head(categories_) + mean_drift_ * drift_factor_;
    power_ = std::make_shared<PowerCourse>(course_->occupancy, powers);
  }
  return *power_;
}

double RailFitting::DriftAt(double at_ns) const { return KnotsAt(at_ns) - mean_drift_; }

double RailFitting::KnotsAt(double at_ns) const {
  const SlowDrift::Weights w = drift_->At(at_ns);
  const Eigen::Index knot = categories_ + static_cast<Eigen::Index>(w.knot);
  return w.first * p_[knot] + w.second * p_[knot + 1];
}

// Over the readings of measured iterations.
double RailFitting::MeanKnots() const {
  double sum = 0, count = 0;
  for (const StepReading& r : readings_) {
    if (r.begin_ns < course_->measure_begin || r.end_ns > course_->measure_end) continue;
    sum += KnotsAt(r.end_ns);
    count += 1;
  }
  return sum / std::max(count, 1.0);
}

double RailFitting::Level() const { return std::max(std::abs(level_.value_or(0)), 1.0); }

double RailFitting::NoiseFloor() const {
  const double floor = kLeastNoiseShare * Level();
  return floor > 1 ? floor : 0;
}

// The factors as they are known now; in the first part with what they may be off by.
DriftGrowth RailFitting::Growth() const {
  DriftGrowth growth;
  if (is_known()) {
    growth.factor = drift_factor_;
    return growth;
  }
  growth.slope = (p_.head(categories_) / Level()).array() - 1;
  growth.slope = growth.slope.cwiseMax(-kMostSlope).cwiseMin(kMostSlope);
  growth.factor = VectorXd::Ones(categories_) + growth_ * growth.slope;
  growth.knots = p_.tail(knots_).array() - MeanKnots();
  return growth;
}

// Of the parameters in the order of the rows', and the noise. Null: of those that parts have in
// common.
Quadratic RailFitting::Prior(const RailRows* rows) const {
  const double level = Level();
  const auto place_knots = static_cast<Eigen::Index>(rows == nullptr ? 0 : rows->place_knots());
  const bool has_growth = rows != nullptr && rows->has_growth();
  VectorXd mean = VectorXd::Zero(categories_ + knots_ + place_knots + (has_growth ? 2 : 1));
  mean.head(categories_).setConstant(level);
  Quadratic prior = Quadratic::Around(mean, kPriorSpread * level);
  if (out_.windows == WindowKind::kFiltered) {
    const double information = std::pow(kFilteredSpread * level, -2);
    const Eigen::Index ops = categories_ - RunCourse::kOtherCategories;
    prior.h.diagonal().head(ops).setConstant(information);
    prior.g.head(ops).setConstant(information * level);
  }
  prior.h.diagonal().segment(categories_, knots_).setConstant(std::pow(kDriftSpread * level, -2));
  // Between operators, where the engine waits, much as when idle. Where pauses alternate with
  // operators faster than the sensor can tell, nothing else says which of them draws what.
  const Eigen::Index between = categories_ - RunCourse::kOtherCategories, idle = between + 1;
  const double alike = std::pow(kBetweenSpread * level, -2);
  prior.h(between, between) += alike;
  prior.h(idle, idle) += alike;
  prior.h(between, idle) -= alike;
  prior.h(idle, between) -= alike;
  if (place_knots > 0) {
    const double sd = out_.windows == WindowKind::kFiltered
                          ? std::max(window().period_tolerance(), kLeastPeriodError) / kPeriodUnit
                          : std::max(kPlaceSpread * out_.place_sd_s * 1e6, kLeastPlaceUs);
    prior.h.diagonal().segment(categories_ + knots_, place_knots).setConstant(1 / (sd * sd));
  }
  const Eigen::Index noise = mean.size() - 1;
  if (has_growth) {
    prior.h(noise - 1, noise - 1) = std::pow(kGrowthSpread, -2);
    prior.g[noise - 1] = 0;
  }
  const NoiseEstimate around =
      noise_prior_.value_or(NoiseEstimate{noise_, std::pow(kNoiseSpread * noise_, -2)});
  const bool is_held = is_known() && noise_prior_;
  const double information = around.information * (is_held ? kHeldNoise : 1);
  prior.h(noise, noise) = information;
  prior.g[noise] = information * around.steps + freedom_score_;
  return prior;
}

// A likelihood of rounded readings is no quadratic any more half a step away from them.
void RailFitting::FollowRows(const RailRows& rows) {
  VectorXd p = VectorXd::Zero(static_cast<Eigen::Index>(rows.parameters()));
  p.head(p_.size()) = p_;
  DriftStep step(*drift_);
  for (size_t i = 0; i < rows.rows().size(); ++i) {
    step.Add(drift_->At(rows.at_ns(i)), rows.rows().y(i) - rows.rows().Predict(i, p));
  }
  p_.tail(knots_) += step.Solve();
}

void RailFitting::FollowDrift() {
  constexpr size_t kEnough = 4'096;
  const size_t one_in = std::max<size_t>(1, readings_.size() / kEnough);
  const double reach_ns = 1e9 * window().period_s();
  WindowCursor power(Course());
  DriftStep step(*drift_);
  for (size_t i = 0; i < readings_.size(); i += one_in) {
    const StepReading& r = readings_[i];
    const double end = 0.5 * (r.begin_ns + r.end_ns), begin = end - reach_ns;
    if (!course_->IsUsable(begin, end)) continue;
    step.Add(drift_->At(begin), r.steps - power.Over(begin, end).mean - DriftAt(begin));
  }
  p_.tail(knots_) += step.Solve();
}

bool RailFitting::Regress(RailRows* rows, int most_iterations, bool by_cluster) {
  if (rows->rows().size() == 0) return false;
  rows->rows().SetLeastNoise(std::max(kLeastNoise, NoiseFloor()));
  noise_ = std::max(noise_, NoiseFloor());
  if (is_known()) FollowRows(*rows);
  const auto all = static_cast<Eigen::Index>(rows->parameters());
  VectorXd start = VectorXd::Zero(all);
  start.head(p_.size()) = p_;
  Quadratic prior = Prior(rows);
  if (is_known()) {
    const Eigen::ArrayXi kept = Kept(all);
    prior.h(kept, kept) += summary_.data.h;
    prior.g(kept) += summary_.data.g;
    part_.outliers = LeaveOutOutliers(start, &rows->rows());
    fit_ = StepRounded(rows->rows(), start, noise_, prior);
    for (int i = 1;
         i < kMostSteps && ChangeOf(rows->rows(), fit_.p - start) > kFarStep * fit_.noise; ++i) {
      start = fit_.p;
      fit_ = StepRounded(rows->rows(), start, fit_.noise, prior);
    }
  } else {
    part_.outliers = 0;
    // A freedom's score is that of the noise it was found at: with wild readings back among the
    // rows of windows that are known it would lead the noise ever further away.
    const bool was_fitted = window().stamps_are_window() && freedom_score_ > 0;
    if (rows->place_knots() > 0 || was_fitted) {
      part_.outliers = LeaveOutOutliers(start, &rows->rows());
    }
    fit_ = FitRounded(rows->rows(), std::move(start), noise_, prior, most_iterations, by_cluster);
    if (const uint64_t more = LeaveOutOutliers(fit_.p, &rows->rows()); more > 0) {
      part_.outliers += more;
      fit_ = FitRounded(rows->rows(), fit_.p, fit_.noise, prior, most_iterations, by_cluster);
    }
  }
  p_ = fit_.p.head(p_.size());
  noise_ = fit_.noise;
  if (rows->has_growth()) {
    growth_ = std::clamp(growth_ + fit_.p[fit_.p.size() - 1], -kMostGrowth, kMostGrowth);
  }
  // In later parts it hardly changes.
  if (!is_known()) power_.reset();
  return true;
}

}  // namespace synergy
