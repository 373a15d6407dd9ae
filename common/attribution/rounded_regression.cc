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

// Log-likelihood of one reading, and its derivatives.
struct Point {
  double log_likelihood = 0;
  double score = 0;        // by the prediction
  double curvature = 0;    // minus the second derivative by the prediction
  double noise_score = 0;  // by the standard deviation
};

// `extra_variance` adds to that of `sd`.
Point Exact(double residual, double sd, double extra_variance) {
  const double all = sd * sd + extra_variance;
  const double square = residual * residual / all;
  constexpr double kLogOfRootOfTwoPi = 0.91893853320467274178;
  return {.log_likelihood = -0.5 * (square + std::log(all)) - kLogOfRootOfTwoPi,
          .score = residual / all,
          .curvature = 1 / all,
          .noise_score = (square - 1) * sd / all};
}

Point Rounded(double residual, double sd) {
  const double lower = (residual - kHalfStep) / sd, upper = (residual + kHalfStep) / sd;
  // Mirrored so that the interval lies on the side of the upper tail.
  const double near = lower + upper >= 0 ? lower : -upper;
  const double far = lower + upper >= 0 ? upper : -lower;
  const double sign = lower + upper >= 0 ? 1 : -1;
  if (near > kFarTail) {  // the nearer edge alone counts: a normal tail behind it
    return {.log_likelihood = -0.5 * near * near - std::log(near) - 0.91893853320467274178,
            .score = sign * near / sd,
            .curvature = 1 / (sd * sd),
            .noise_score = near * near / sd};
  }
  const double mass =
      near >= 0 ? UpperTail(near) - UpperTail(far) : 1 - UpperTail(-near) - UpperTail(far);
  const double at_near = Density(near), at_far = Density(far);
  const double slope = (at_near - at_far) / mass;  // in standard deviations
  const double bend = (near * at_near - far * at_far) / mass;
  return {.log_likelihood = std::log(mass),
          .score = sign * slope / sd,
          .curvature = (slope * slope - bend) / (sd * sd),
          .noise_score = bend / sd};
}

Point Evaluate(const RegressionRows& rows, size_t row, double prediction, double noise) {
  const double sd = std::sqrt(noise * noise + rows.variance(row));
  const double residual = rows.y(row) - prediction;
  if (!rows.rounded(row)) return Exact(residual, sd, 0);
  return sd < kRoundingDrowns ? Rounded(residual, sd) : Exact(residual, sd, kRoundingVariance);
}

double LogLikelihood(const RegressionRows& rows, const VectorXd& p, double noise) {
  double sum = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    sum += Evaluate(rows, row, rows.Predict(row, p), noise).log_likelihood;
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

// Lower triangle only.
struct Derivatives {
  MatrixXd information;
  VectorXd score;
  double noise_score = 0;      // by s
  double noise_curvature = 0;  // sum of its squares: its expectation is the information
};

Derivatives Differentiate(const RegressionRows& rows, const VectorXd& p, double noise) {
  Derivatives d{.information = MatrixXd::Zero(p.size(), p.size()),
                .score = VectorXd::Zero(p.size()),
                .noise_score = 0,
                .noise_curvature = 0};
  for (size_t row = 0; row < rows.size(); ++row) {
    const Point point = Evaluate(rows, row, rows.Predict(row, p), noise);
    const auto entries = rows.entries(row);
    for (const auto& e : entries) d.score[e.parameter] += e.weight * point.score;
    AddOuter(entries, point.curvature, &d.information);
    const double sd = std::sqrt(noise * noise + rows.variance(row));
    const double by_noise = point.noise_score * noise / sd;
    d.noise_score += by_noise;
    d.noise_curvature += by_noise * by_noise;
  }
  return d;
}

// One step of Newton's method for p; how much the likelihood gained.
double StepParameters(const RegressionRows& rows, const Quadratic& prior, double noise, VectorXd* p,
                      double* likelihood) {
  Derivatives d = Differentiate(rows, *p, noise);
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
  const Derivatives d = Differentiate(rows, p, *noise);
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

void AddClusterScores(const RegressionRows& rows, RegressionFit* fit) {
  const Eigen::Index n = fit->p.size();
  fit->score_products = MatrixXd::Zero(n, n);
  VectorXd score = VectorXd::Zero(n);
  for (size_t row = 0; row < rows.size(); ++row) {
    const Point point = Evaluate(rows, row, rows.Predict(row, fit->p), fit->noise);
    for (const auto& e : rows.entries(row)) score[e.parameter] += e.weight * point.score;
    if (row + 1 < rows.size() && rows.cluster(row + 1) == rows.cluster(row)) continue;
    fit->score_products.selfadjointView<Eigen::Lower>().rankUpdate(score);
    score.setZero();
    ++fit->clusters;
  }
  fit->score_products = fit->score_products.selfadjointView<Eigen::Lower>();
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
  fit.information = Differentiate(rows, fit.p, fit.noise).information;
  fit.information = fit.information.selfadjointView<Eigen::Lower>();
  fit.information += prior.h;
  AddClusterScores(rows, &fit);
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
