#include "common/attribution/rounded_regression.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kHalfStep = 0.5;
// Beyond so many standard deviations a normal tail is replaced by its asymptote: the interval's
// likelihood underflows soon after.
constexpr double kFarTail = 25;
constexpr double kMostNoise = 1e18;
// From here on the rounding is as good as normal noise of a twelfth of a step^2: the difference of
// the likelihoods is below 1e-6.
constexpr double kRoundingDrowns = 2;
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

// The likelihood of rounded readings of one standard deviation, looked up: thousands of rows share
// it. Beyond the table, and for other standard deviations, it is worked out.
class RoundedLikelihood {
 public:
  // For so many rows.
  RoundedLikelihood(double sd, size_t rows) : sd_(sd) {
    if (rows < kWorthATable || sd >= kRoundingDrowns) return;
    step_ = (kHalfStep + kTableReach * sd) / kSteps;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const double residual = step_ * static_cast<double>(i);
      const Point p = DerivativesOfRounded(residual, sd);
      nodes_[i] = {p.score, p.noise_score,     p.curvature,
                   p.cross, p.noise_curvature, LogOfRounded(residual, sd)};
    }
  }

  bool Has(double residual, double sd) const {
    return sd == sd_ && std::abs(residual) < step_ * kSteps;
  }
  Point At(double residual) const {
    const Place at(std::abs(residual) / step_);
    const double sign = residual < 0 ? -1 : 1;
    return {.score = sign * Value(at, 0),
            .noise_score = Value(at, 1),
            .curvature = Value(at, 2),
            .cross = sign * Value(at, 3),
            .noise_curvature = Value(at, 4)};
  }
  double LogAt(double residual) const { return Value(Place(std::abs(residual) / step_), 5); }

 private:
  // Parabolas through three nodes: with these steps they are off by less than 1e-5 of each value.
  static constexpr int kSteps = 400;
  static constexpr double kTableReach = 8;  // standard deviations beyond the half step
  static constexpr size_t kWorthATable = 1'000;

  struct Place {
    size_t node;
    double off;
    explicit Place(double at)
        : node(std::max<size_t>(1, static_cast<size_t>(at + 0.5))),
          off(at - static_cast<double>(node)) {}
  };
  double Value(const Place& at, size_t which) const {
    const double before = nodes_[at.node - 1][which], here = nodes_[at.node][which],
                 after = nodes_[at.node + 1][which];
    return here + 0.5 * at.off * (after - before + at.off * (after - 2 * here + before));
  }

  const double sd_;
  double step_ = 0;
  std::array<std::array<double, 6>, kSteps + 2> nodes_{};
};

double LogLikelihood(const RegressionRows& rows, const VectorXd& p, double noise) {
  const RoundedLikelihood common(noise, rows.size());
  double sum = 0;
  for (size_t row = 0; row < rows.size(); ++row) {
    const double residual = rows.y(row) - rows.Predict(row, p);
    const double variance = noise * noise + rows.variance(row);
    if (!rows.rounded(row)) {
      sum += LogOfExact(residual, variance);
      continue;
    }
    const double sd = rows.variance(row) == 0 ? noise : std::sqrt(variance);
    if (common.Has(residual, sd)) {
      sum += common.LogAt(residual);
    } else if (sd < kRoundingDrowns) {
      sum += LogOfRounded(residual, sd);
    } else {
      sum += LogOfExact(residual, variance + kRoundingVariance);
    }
  }
  return sum;
}

void AddOuter(std::span<const RegressionRows::Entry> entries, double weight, MatrixXd* sum) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const RegressionRows::Entry& a = entries[i];
    const double of_a = weight * a.weight;
    (*sum)(a.parameter, a.parameter) += of_a * a.weight;
    for (size_t k = 0; k < i; ++k) {
      const RegressionRows::Entry& b = entries[k];
      const auto [low, high] = std::minmax(a.parameter, b.parameter);
      // Entries of one parameter stand beside each other in the square.
      const double both = low == high ? 2 : 1;
      (*sum)(high, low) += both * of_a * b.weight;
    }
  }
}

// Sums of outer products, so many at a time.
class OuterProducts {
 public:
  explicit OuterProducts(Eigen::Index size)
      : sum_(MatrixXd::Zero(size, size)), waiting_(size, kAtOnce) {}

  void Add(const VectorXd& vector) {
    waiting_.col(count_++) = vector;
    if (count_ == kAtOnce) Flush();
  }
  // The lower triangle.
  const MatrixXd& Sum() {
    Flush();
    return sum_;
  }

 private:
  static constexpr Eigen::Index kAtOnce = 32;
  void Flush() {
    if (count_ == 0) return;
    sum_.selfadjointView<Eigen::Lower>().rankUpdate(waiting_.leftCols(count_));
    count_ = 0;
  }

  MatrixXd sum_, waiting_;
  Eigen::Index count_ = 0;
};

// Of the log-likelihood of rows, by p and s; lower triangles only.
struct Derivatives {
  MatrixXd information;
  VectorXd score;
  // By cluster, where they were asked for.
  MatrixXd score_products;
  size_t clusters = 0;
};

Derivatives Differentiate(const RegressionRows& rows, const VectorXd& p, double noise,
                          bool by_cluster) {
  const Eigen::Index all = p.size() + 1, last = p.size();
  const RoundedLikelihood common(noise, rows.size());
  Derivatives d{.information = MatrixXd::Zero(all, all),
                .score = VectorXd::Zero(all),
                .score_products = {},
                .clusters = 0};
  OuterProducts products(by_cluster ? all : 0);
  VectorXd score = VectorXd::Zero(all), cross = VectorXd::Zero(all);
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto entries = rows.entries(row);
    double residual = rows.y(row);
    for (const auto& e : entries) residual -= e.weight * p[e.parameter];
    const double variance = noise * noise + rows.variance(row);
    const double sd = rows.variance(row) == 0 ? noise : std::sqrt(variance);
    Point point;
    if (!rows.rounded(row)) {
      point = DerivativesOfExact(residual, sd, variance);
    } else if (common.Has(residual, sd)) {
      point = common.At(residual);
    } else if (sd < kRoundingDrowns) {
      point = DerivativesOfRounded(residual, sd);
    } else {
      point = DerivativesOfExact(residual, sd, variance + kRoundingVariance);
    }
    const double by_noise = noise / sd;  // of the row's standard deviation by s
    point.cross *= by_noise;
    for (const auto& e : entries) {
      score[e.parameter] += e.weight * point.score;
      cross[e.parameter] += e.weight * point.cross;
    }
    score[last] += point.noise_score * by_noise;
    cross[last] += point.noise_curvature * by_noise * by_noise;
    AddOuter(entries, point.curvature, &d.information);
    if (!by_cluster) continue;
    if (row + 1 < rows.size() && rows.cluster(row + 1) == rows.cluster(row)) continue;
    products.Add(score);
    d.score += score;
    score.setZero();
    ++d.clusters;
  }
  d.score += score;
  d.information.row(last) = cross;
  if (by_cluster) d.score_products = products.Sum();
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
