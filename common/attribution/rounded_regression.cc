#include "common/attribution/rounded_regression.h"

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kHalfStep = 0.5;
// Beyond so many standard deviations a normal tail is replaced by its asymptote: the interval's
// likelihood underflows soon after.
constexpr double kFarTail = 25;
// A sensor without any noise makes the likelihood a staircase; no real one has less.
constexpr double kLeastNoise = 0.03;
constexpr double kMostNoise = 1e18;
// From here on the rounding is as good as normal noise of a twelfth of a step^2: the difference of
// the likelihoods is below 1e-6.
constexpr double kRoundingDrowns = 2;
constexpr double kRoundingVariance = 1.0 / 12;
// The likelihood is settled once a step gains less than this.
constexpr double kSettled = 1e-3;

double Density(double x) {
  constexpr double kInverseRootOfTwoPi = 0.39894228040143267794;
  return kInverseRootOfTwoPi * std::exp(-0.5 * x * x);
}

// P(x > t), for t >= 0 without cancellation.
double UpperTail(double t) { return 0.5 * std::erfc(t * M_SQRT1_2); }

// Derivatives of the log-likelihood of one reading.
struct Point {
  double score = 0;        // by the prediction
  double curvature = 0;    // minus the second derivative by the prediction
  double noise_score = 0;  // by the standard deviation
};

constexpr double kLogOfRootOfTwoPi = 0.91893853320467274178;

// Of a reading that is not rounded: normal with this variance.
double LogOfExact(double residual, double variance) {
  return -0.5 * (residual * residual / variance + std::log(variance)) - kLogOfRootOfTwoPi;
}

Point DerivativesOfExact(double residual, double sd, double variance) {
  const double square = residual * residual / variance;
  return {.score = residual / variance,
          .curvature = 1 / variance,
          .noise_score = (square - 1) * sd / variance};
}

// The interval that was rounded to the reading, in standard deviations from the prediction,
// mirrored so that it lies on the side of the upper tail.
struct Interval {
  double near = 0, far = 0;
  double sign = 1;

  Interval(double residual, double sd) {
    const double lower = (residual - kHalfStep) / sd, upper = (residual + kHalfStep) / sd;
    const bool above = lower + upper >= 0;
    near = above ? lower : -upper;
    far = above ? upper : -lower;
    sign = above ? 1 : -1;
  }
  bool is_far() const { return near > kFarTail; }
  double mass() const {
    return near >= 0 ? UpperTail(near) - UpperTail(far) : 1 - UpperTail(-near) - UpperTail(far);
  }
};

double LogOfRounded(double residual, double sd) {
  const Interval i(residual, sd);
  if (!i.is_far()) return std::log(i.mass());
  return -0.5 * i.near * i.near - std::log(i.near) - kLogOfRootOfTwoPi;
}

Point DerivativesOfRounded(double residual, double sd) {
  const Interval i(residual, sd);
  if (i.is_far()) {  // the nearer edge alone counts: a normal tail behind it
    return {.score = i.sign * i.near / sd,
            .curvature = 1 / (sd * sd),
            .noise_score = i.near * i.near / sd};
  }
  const double mass = i.mass(), at_near = Density(i.near), at_far = Density(i.far);
  const double slope = (at_near - at_far) / mass;  // in standard deviations
  const double bend = (i.near * at_near - i.far * at_far) / mass;
  return {.score = i.sign * slope / sd,
          .curvature = (slope * slope - bend) / (sd * sd),
          .noise_score = bend / sd};
}

// Calls one of two with the residual, the standard deviation and the variance.
template <typename OfRounded, typename OfExact>
auto OfRow(const RegressionRows& rows, size_t row, double prediction, double noise,
           OfRounded of_rounded, OfExact of_exact) {
  const double variance = noise * noise + rows.variance(row), sd = std::sqrt(variance);
  const double residual = rows.y(row) - prediction;
  if (!rows.rounded(row)) return of_exact(residual, sd, variance);
  if (sd < kRoundingDrowns) return of_rounded(residual, sd);
  return of_exact(residual, sd, variance + kRoundingVariance);
}

double LogLikelihood(const RegressionRows& rows, const VectorXd& p, double noise) {
  double sum = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    sum += OfRow(rows, row, rows.Predict(row, p), noise, LogOfRounded,
                 [](double residual, double, double v) { return LogOfExact(residual, v); });
  }
  return sum;
}

void AddOuter(std::span<const RegressionRows::Entry> entries, double weight, MatrixXd* sum) {
  for (const auto& a : entries) {
    for (const auto& b : entries) {
      if (b.parameter <= a.parameter) {
        (*sum)(a.parameter, b.parameter) += weight * a.weight * b.weight;
      }
    }
  }
}

// Of the log-likelihood of rows; the information's lower triangle only.
struct Derivatives {
  MatrixXd information;
  VectorXd score;
  double noise_score = 0;      // by s
  double noise_curvature = 0;  // sum of its squares: its expectation is the information
  // By cluster, where they were asked for.
  MatrixXd score_products;
  size_t clusters = 0;

  void AddCluster(VectorXd* of_cluster) {
    score_products.selfadjointView<Eigen::Lower>().rankUpdate(*of_cluster);
    score += *of_cluster;
    of_cluster->setZero();
    ++clusters;
  }
};

Derivatives Differentiate(const RegressionRows& rows, const VectorXd& p, double noise,
                          bool by_cluster) {
  Derivatives d{.information = MatrixXd::Zero(p.size(), p.size()),
                .score = VectorXd::Zero(p.size()),
                .noise_score = 0,
                .noise_curvature = 0,
                .score_products = {},
                .clusters = 0};
  if (by_cluster) d.score_products = MatrixXd::Zero(p.size(), p.size());
  VectorXd score = VectorXd::Zero(p.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    const Point point =
        OfRow(rows, row, rows.Predict(row, p), noise, DerivativesOfRounded, DerivativesOfExact);
    const auto entries = rows.entries(row);
    for (const auto& e : entries) score[e.parameter] += e.weight * point.score;
    AddOuter(entries, point.curvature, &d.information);
    const double sd = std::sqrt(noise * noise + rows.variance(row));
    const double by_noise = point.noise_score * noise / sd;
    d.noise_score += by_noise;
    d.noise_curvature += by_noise * by_noise;
    const bool ends = row + 1 == rows.size() || rows.cluster(row + 1) != rows.cluster(row);
    if (by_cluster && ends) d.AddCluster(&score);
  }
  d.score += score;
  return d;
}

// The rows' quadratic around p, and their clusters.
void Describe(const Derivatives& d, const VectorXd& p, RegressionFit* fit) {
  fit->data.h = d.information.selfadjointView<Eigen::Lower>();
  fit->data.g = fit->data.h * p + d.score;
  fit->score_products = d.score_products.selfadjointView<Eigen::Lower>();
  fit->clusters = d.clusters;
}

// One step of Newton's method for p; how much the likelihood gained.
double StepParameters(const RegressionRows& rows, const Quadratic& prior, double noise, VectorXd* p,
                      double* likelihood) {
  Derivatives d = Differentiate(rows, *p, noise, false);
  d.information += prior.h;
  d.score += prior.g - prior.h * *p;
  const VectorXd step = d.information.selfadjointView<Eigen::Lower>().ldlt().solve(d.score);
  for (double length = 1; length > 1e-6; length /= 2) {
    const VectorXd tried = *p + length * step;
    const double reached = LogLikelihood(rows, tried, noise) + prior.At(tried);
    if (!(reached >= *likelihood)) continue;
    const double gain = reached - *likelihood;
    *p = tried;
    *likelihood = reached;
    return gain;
  }
  return 0;
}

// The same for the noise, by scoring: at most by a factor of 1.5 at a time.
double StepNoise(const RegressionRows& rows, const VectorXd& p, double prior_term, double* noise,
                 double* likelihood) {
  const Derivatives d = Differentiate(rows, p, *noise, false);
  if (!(d.noise_curvature > 0)) return 0;
  double step = d.noise_score / d.noise_curvature;
  for (int halvings = 0; halvings < 12; ++halvings, step /= 2) {
    const double tried =
        std::clamp(std::clamp(*noise + step, *noise / 1.5, *noise * 1.5), kLeastNoise, kMostNoise);
    const double reached = LogLikelihood(rows, p, tried) + prior_term;
    if (!(reached >= *likelihood)) continue;
    const double gain = reached - *likelihood;
    *noise = tried;
    *likelihood = reached;
    return gain;
  }
  return 0;
}

}  // namespace

void RegressionRows::Add(std::span<const Entry> entries, double y, double variance,
                         uint32_t cluster, bool rounded) {
  entries_.insert(entries_.end(), entries.begin(), entries.end());
  begins_.push_back(entries_.size());
  y_.push_back(y);
  variance_.push_back(variance);
  cluster_.push_back(cluster);
  rounded_.push_back(rounded ? 1 : 0);
}

double RegressionRows::Predict(size_t row, const VectorXd& p) const {
  double sum = 0;
  for (const Entry& e : entries(row)) sum += e.weight * p[e.parameter];
  return sum;
}

Quadratic Quadratic::Around(const VectorXd& mean, double sd) {
  const double information = 1 / (sd * sd);
  return {.h = MatrixXd(VectorXd::Constant(mean.size(), information).asDiagonal()),
          .g = information * mean};
}

RegressionFit FitRounded(const RegressionRows& rows, VectorXd p, double noise,
                         const Quadratic& prior, int most_iterations) {
  RegressionFit fit;
  fit.p = std::move(p);
  fit.noise = std::max(noise, kLeastNoise);
  double likelihood = LogLikelihood(rows, fit.p, fit.noise) + prior.At(fit.p);
  for (int i = 0; i < most_iterations && !fit.converged; ++i) {
    double gain = StepParameters(rows, prior, fit.noise, &fit.p, &likelihood);
    gain += StepNoise(rows, fit.p, prior.At(fit.p), &fit.noise, &likelihood);
    fit.converged = gain < kSettled;
  }
  fit.log_likelihood = likelihood;
  const Derivatives d = Differentiate(rows, fit.p, fit.noise, true);
  Describe(d, fit.p, &fit);
  fit.noise_information = d.noise_curvature;
  return fit;
}

RegressionFit StepRounded(const RegressionRows& rows, VectorXd p, double noise,
                          const Quadratic& prior, double noise_information) {
  RegressionFit fit;
  const Derivatives d = Differentiate(rows, p, noise, true);
  Describe(d, p, &fit);
  fit.p = (prior.h + fit.data.h).ldlt().solve(prior.g + fit.data.g);
  fit.noise_information = noise_information + d.noise_curvature;
  fit.noise = noise;
  if (fit.noise_information > 0) {
    fit.noise = std::clamp(noise + d.noise_score / fit.noise_information, noise / 1.5, noise * 1.5);
    fit.noise = std::clamp(fit.noise, kLeastNoise, kMostNoise);
  }
  return fit;
}

VectorXd FitLeastSquares(const RegressionRows& rows, const Quadratic& prior) {
  MatrixXd normal = prior.h;
  VectorXd right = prior.g;
  for (size_t row = 0; row < rows.size(); ++row) {
    for (const auto& e : rows.entries(row)) right[e.parameter] += e.weight * rows.y(row);
    AddOuter(rows.entries(row), 1, &normal);
  }
  return normal.selfadjointView<Eigen::Lower>().ldlt().solve(right);
}

}  // namespace synergy
