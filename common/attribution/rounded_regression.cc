#include "common/attribution/rounded_regression.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/attribution/row_sums.h"

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kMostNoise = 1e18;
// Of the noise in one step.
constexpr double kMostGrowth = 1.5;
// The likelihood is settled once a step gains less than this.
constexpr double kSettled = 1e-3;

// With its derivatives by s instead of by the standard deviation of a row.
class RowLikelihood {
 public:
  RowLikelihood(const RegressionRows& rows, const VectorXd& p, double noise)
      : rows_(rows), p_(p), noise_(noise), common_(noise, rows.size()) {}

  LikelihoodPoint At(size_t row) const {
    if (rows_.left_out(row)) return {};
    const double residual = rows_.y(row) - rows_.Predict(row, p_);
    const double variance = noise_ * noise_ + rows_.variance(row);
    const double sd = rows_.variance(row) == 0 ? noise_ : std::sqrt(variance);
    LikelihoodPoint point =
        rows_.rounded(row) ? common_.At(residual, sd) : ExactLikelihood(residual, sd, variance);
    const double by_noise = noise_ / sd;  // of the row's standard deviation by s
    point.noise_score *= by_noise;
    point.cross *= by_noise;
    point.noise_curvature *= by_noise * by_noise;
    return point;
  }

 private:
  const RegressionRows& rows_;
  const VectorXd& p_;
  const double noise_;
  const RoundedLikelihood common_;
};

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
  double log_likelihood = 0;  // itself
  // By cluster, where they were asked for.
  MatrixXd score_products;
  size_t clusters = 0;
};

Derivatives Differentiate(const RegressionRows& rows, const VectorXd& p, double noise,
                          bool by_cluster) {
  const Eigen::Index all = p.size() + 1, last = p.size();
  const RowLikelihood likelihood(rows, p, noise);
  Derivatives d;
  d.score.setZero(all);
  RowSums sums(all, rows.lines_from());
  OuterProducts products(by_cluster ? all : 0);
  double noise_score = 0, noise_curvature = 0;
  const auto take_scores = [&] {
    VectorXd scores = sums.TakeFirsts();
    scores[last] = std::exchange(noise_score, 0);
    d.score += scores;
    return scores;
  };
  for (size_t row = 0; row < rows.size(); ++row) {
    const LikelihoodPoint point = likelihood.At(row);
    d.log_likelihood += point.log_likelihood;
    sums.Add(rows.entries(row), point.curvature, point.score, point.cross);
    noise_score += point.noise_score;
    noise_curvature += point.noise_curvature;
    if (!by_cluster) continue;
    if (row + 1 < rows.size() && rows.cluster(row + 1) == rows.cluster(row)) continue;
    products.Add(take_scores());
    ++d.clusters;
  }
  take_scores();
  d.information = sums.products();
  d.information.row(last) = sums.seconds();
  d.information(last, last) = noise_curvature;
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
  if (d.score_products.size() == 0) return;
  fit->score_products = d.score_products.selfadjointView<Eigen::Lower>();
  fit->clusters = d.clusters;
}

double Allowed(const RegressionRows& rows, double noise) {
  return std::clamp(noise, rows.least_noise(), kMostNoise);
}

// One step of Newton's method from where `d` was found, the noise at most by a factor of
// kMostGrowth; `d` becomes that of where it ends. How much the likelihood gained.
double Step(const RegressionRows& rows, const Quadratic& prior, Derivatives* d,
            RegressionFit* fit) {
  const VectorXd now = Joined(fit->p, fit->noise);
  const MatrixXd information = d->information + prior.h;
  const VectorXd gradient = d->score + prior.g - prior.h * now;
  VectorXd step = information.selfadjointView<Eigen::Lower>().ldlt().solve(gradient);
  // What a quadratic would gain by it.
  if (0.5 * step.dot(gradient) < kSettled) return 0;
  const double to = now[now.size() - 1] + step[now.size() - 1];
  step[now.size() - 1] =
      Allowed(rows, std::clamp(to, fit->noise / kMostGrowth, fit->noise * kMostGrowth)) -
      fit->noise;
  for (double length = 1; length > 1e-6; length /= 2) {
    const VectorXd tried = now + length * step;
    const double noise = tried[now.size() - 1];
    const VectorXd p = tried.head(fit->p.size());
    Derivatives there = Differentiate(rows, p, noise, false);
    const double reached = there.log_likelihood + prior.At(tried);
    if (!(reached >= fit->log_likelihood)) continue;
    const double gain = reached - fit->log_likelihood;
    fit->p = p;
    fit->noise = noise;
    fit->log_likelihood = reached;
    *d = std::move(there);
    return gain;
  }
  return 0;
}

}  // namespace

void RegressionRows::Reserve(size_t rows, size_t entries) {
  entries_.reserve(rows * entries);
  begins_.reserve(rows + 1);
  y_.reserve(rows);
  variance_.reserve(rows);
  cluster_.reserve(rows);
  kinds_.reserve(rows);
}

void RegressionRows::Add(std::span<const Entry> entries, double y, double variance,
                         uint32_t cluster, bool rounded) {
  entries_.insert(entries_.end(), entries.begin(), entries.end());
  begins_.push_back(entries_.size());
  y_.push_back(y);
  variance_.push_back(variance);
  cluster_.push_back(cluster);
  kinds_.push_back(rounded ? kRounded : 0);
}

Quadratic Quadratic::Around(const VectorXd& mean, double sd) {
  const double information = 1 / (sd * sd);
  return {.h = MatrixXd(VectorXd::Constant(mean.size(), information).asDiagonal()),
          .g = information * mean};
}

RegressionFit FitRounded(const RegressionRows& rows, VectorXd p, double noise,
                         const Quadratic& prior, int most_iterations, bool by_cluster) {
  RegressionFit fit;
  fit.p = std::move(p);
  fit.noise = Allowed(rows, noise);
  Derivatives d = Differentiate(rows, fit.p, fit.noise, false);
  fit.log_likelihood = d.log_likelihood + prior.At(Joined(fit.p, fit.noise));
  for (int i = 0; i < most_iterations && !fit.converged; ++i) {
    fit.converged = Step(rows, prior, &d, &fit) < kSettled;
  }
  Describe(by_cluster ? Differentiate(rows, fit.p, fit.noise, true) : d, &fit);
  return fit;
}

RegressionFit StepRounded(const RegressionRows& rows, VectorXd p, double noise,
                          const Quadratic& prior) {
  RegressionFit fit;
  fit.p = std::move(p);
  fit.noise = Allowed(rows, noise);
  Describe(Differentiate(rows, fit.p, fit.noise, true), &fit);
  const VectorXd to = (prior.h + fit.data.h).ldlt().solve(prior.g + fit.data.g);
  fit.p = to.head(fit.p.size());
  fit.noise =
      Allowed(rows, std::clamp(to[fit.p.size()], fit.noise / kMostGrowth, fit.noise * kMostGrowth));
  return fit;
}

double FreedomScore(const RegressionRows& rows, const RegressionFit& fit, const Quadratic& prior,
                    Eigen::Index powers) {
  constexpr double kRelativeStep = 0.01;
  constexpr size_t kEnoughRows = 8'192;
  const Eigen::Index count = fit.p.size(), all = count + 1;
  MatrixXd known = prior.h.topLeftCorner(count, count);
  known.diagonal().head(powers).array() += 1 / (fit.noise * fit.noise + kRoundingVariance);
  const auto log_determinant = [&](RowSums& sums) {
    const MatrixXd h = sums.products().topLeftCorner(count, count) + known;
    return h.selfadjointView<Eigen::Lower>().ldlt().vectorD().array().abs().log().sum();
  };
  // Where the p go with s.
  const MatrixXd h = fit.data.h + prior.h;
  const double more = kRelativeStep * fit.noise;
  const VectorXd there =
      fit.p - more * h.topLeftCorner(count, count).ldlt().solve(h.col(count).head(count));
  const RowLikelihood at(rows, fit.p, fit.noise), at_more(rows, there, fit.noise + more);
  RowSums information(all, rows.lines_from()), information_there(all, rows.lines_from());
  const size_t one_in = std::max<size_t>(1, rows.size() / kEnoughRows);
  for (size_t row = 0; row < rows.size(); row += one_in) {
    const auto entries = rows.entries(row);
    const auto weight = static_cast<double>(one_in);
    information.Add(entries, weight * at.At(row).curvature, 0, 0);
    information_there.Add(entries, weight * at_more.At(row).curvature, 0, 0);
  }
  return 0.5 * (log_determinant(information) - log_determinant(information_there)) / more;
}

VectorXd FitLeastSquares(const RegressionRows& rows, const Quadratic& prior) {
  RowSums sums(prior.g.size(), rows.lines_from());
  for (size_t row = 0; row < rows.size(); ++row) {
    if (!rows.left_out(row)) sums.Add(rows.entries(row), 1, rows.y(row), 0);
  }
  const MatrixXd normal = sums.products() + prior.h;
  return normal.selfadjointView<Eigen::Lower>().ldlt().solve(sums.TakeFirsts() + prior.g);
}

}  // namespace synergy
