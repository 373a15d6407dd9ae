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
// Of the noise in one step.
constexpr double kMostGrowth = 1.5;
// The likelihood is settled once a step gains less than this.
constexpr double kSettled = 1e-3;

double Density(double x) {
  constexpr double kInverseRootOfTwoPi = 0.39894228040143267794;
  return kInverseRootOfTwoPi * std::exp(-0.5 * x * x);
}

// P(x > t), for t >= 0 without cancellation.
double UpperTail(double t) { return 0.5 * std::erfc(t * M_SQRT1_2); }

// Derivatives of the log-likelihood of one reading by its prediction and its standard deviation:
// the gradient, and minus the second ones (of a rounded one without the terms that vanish where the
// likelihood is highest: what is left is never negative).
struct Point {
  double score = 0, noise_score = 0;
  double curvature = 0, cross = 0, noise_curvature = 0;
};

constexpr double kLogOfRootOfTwoPi = 0.91893853320467274178;

// Of a reading that is not rounded: normal with this variance.
double LogOfExact(double residual, double variance) {
  return -0.5 * (residual * residual / variance + std::log(variance)) - kLogOfRootOfTwoPi;
}

Point DerivativesOfExact(double residual, double sd, double variance) {
  const double square = residual * residual / variance, slope = sd / variance;
  return {.score = residual / variance,
          .noise_score = (square - 1) * slope,
          .curvature = 1 / variance,
          .cross = 0,
          .noise_curvature = 2 * slope * slope};
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
  const double scale = 1 / sd, square = scale * scale;
  if (i.is_far()) {  // the nearer edge alone counts: a normal tail behind it
    return {.score = i.sign * i.near * scale,
            .noise_score = i.near * i.near * scale,
            .curvature = square,
            .cross = i.sign * i.near * square,
            .noise_curvature = i.near * i.near * square};
  }
  const double mass = i.mass(), at_near = Density(i.near) / mass, at_far = Density(i.far) / mass;
  // Second derivatives by the interval's edges.
  const double near = at_near * (at_near - i.near), far = at_far * (at_far + i.far);
  const double both = -at_near * at_far;
  return {.score = i.sign * (at_near - at_far) * scale,
          .noise_score = (i.near * at_near - i.far * at_far) * scale,
          .curvature = (near + 2 * both + far) * square,
          .cross = i.sign * (near * i.near + both * (i.near + i.far) + far * i.far) * square,
          .noise_curvature =
              (near * i.near * i.near + 2 * both * i.near * i.far + far * i.far * i.far) * square};
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

// Of the log-likelihood of rows, by p and s; lower triangles only.
struct Derivatives {
  MatrixXd information;
  VectorXd score;
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
  const Eigen::Index all = p.size() + 1, last = p.size();
  Derivatives d{.information = MatrixXd::Zero(all, all),
                .score = VectorXd::Zero(all),
                .score_products = {},
                .clusters = 0};
  if (by_cluster) d.score_products = MatrixXd::Zero(all, all);
  VectorXd score = VectorXd::Zero(all), cross = VectorXd::Zero(all);
  for (size_t row = 0; row < rows.size(); ++row) {
    const Point point =
        OfRow(rows, row, rows.Predict(row, p), noise, DerivativesOfRounded, DerivativesOfExact);
    // Of the row's standard deviation by s.
    const double by_noise = noise / std::sqrt(noise * noise + rows.variance(row));
    const auto entries = rows.entries(row);
    for (const auto& e : entries) {
      score[e.parameter] += e.weight * point.score;
      cross[e.parameter] += e.weight * point.cross * by_noise;
    }
    score[last] += point.noise_score * by_noise;
    cross[last] += point.noise_curvature * by_noise * by_noise;
    AddOuter(entries, point.curvature, &d.information);
    const bool ends = row + 1 == rows.size() || rows.cluster(row + 1) != rows.cluster(row);
    if (by_cluster && ends) d.AddCluster(&score);
  }
  d.score += score;
  d.information.row(last) = cross;
  return d;
}

VectorXd Joined(const VectorXd& p, double noise) {
  VectorXd joined(p.size() + 1);
  joined << p, noise;
  return joined;
}

// The rows' quadratic around p and s, and their clusters.
void Describe(const Derivatives& d, RegressionFit* fit) {
  fit->data.h = d.information.selfadjointView<Eigen::Lower>();
  fit->data.g = fit->data.h * Joined(fit->p, fit->noise) + d.score;
  fit->score_products = d.score_products.selfadjointView<Eigen::Lower>();
  fit->clusters = d.clusters;
}

double Allowed(double noise) { return std::clamp(noise, kLeastNoise, kMostNoise); }

// One step of Newton's method, the noise at most by a factor of kMostGrowth; how much the
// likelihood gained.
double Step(const RegressionRows& rows, const Quadratic& prior, RegressionFit* fit) {
  Derivatives d = Differentiate(rows, fit->p, fit->noise, false);
  const VectorXd now = Joined(fit->p, fit->noise);
  d.information += prior.h;
  d.score += prior.g - prior.h * now;
  VectorXd step = d.information.selfadjointView<Eigen::Lower>().ldlt().solve(d.score);
  const double to = now[now.size() - 1] + step[now.size() - 1];
  step[now.size() - 1] =
      Allowed(std::clamp(to, fit->noise / kMostGrowth, fit->noise * kMostGrowth)) - fit->noise;
  for (double length = 1; length > 1e-6; length /= 2) {
    const VectorXd tried = now + length * step;
    const double noise = tried[now.size() - 1];
    const VectorXd p = tried.head(fit->p.size());
    const double reached = LogLikelihood(rows, p, noise) + prior.At(tried);
    if (!(reached >= fit->log_likelihood)) continue;
    const double gain = reached - fit->log_likelihood;
    fit->p = p;
    fit->noise = noise;
    fit->log_likelihood = reached;
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
  fit.noise = Allowed(noise);
  fit.log_likelihood = LogLikelihood(rows, fit.p, fit.noise) + prior.At(Joined(fit.p, fit.noise));
  for (int i = 0; i < most_iterations && !fit.converged; ++i) {
    fit.converged = Step(rows, prior, &fit) < kSettled;
  }
  Describe(Differentiate(rows, fit.p, fit.noise, true), &fit);
  return fit;
}

RegressionFit StepRounded(const RegressionRows& rows, VectorXd p, double noise,
                          const Quadratic& prior) {
  RegressionFit fit;
  fit.p = std::move(p);
  fit.noise = Allowed(noise);
  Describe(Differentiate(rows, fit.p, fit.noise, true), &fit);
  const VectorXd to = (prior.h + fit.data.h).ldlt().solve(prior.g + fit.data.g);
  fit.p = to.head(fit.p.size());
  fit.noise =
      Allowed(std::clamp(to[fit.p.size()], fit.noise / kMostGrowth, fit.noise * kMostGrowth));
  return fit;
}

double FreedomScore(const RegressionRows& rows, const RegressionFit& fit, const Quadratic& prior) {
  constexpr double kRelativeStep = 0.02;
  const Eigen::Index count = fit.p.size();
  const auto log_determinant = [&](double noise) {
    MatrixXd h = Differentiate(rows, fit.p, noise, false).information + prior.h;
    return h.topLeftCorner(count, count)
        .selfadjointView<Eigen::Lower>()
        .ldlt()
        .vectorD()
        .array()
        .abs()
        .log()
        .sum();
  };
  const double low = fit.noise / (1 + kRelativeStep), high = fit.noise * (1 + kRelativeStep);
  return -0.5 * (log_determinant(high) - log_determinant(low)) / (high - low);
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
