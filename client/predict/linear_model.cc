#include "client/predict/linear_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/status/status.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kStrengths = 25;
constexpr double kWeakest = 1e-4;
// A coefficient of a Lasso that moves what is predicted by less than this share of it is nothing.
constexpr double kNothing = 1e-6;
// Of the sum of squares: less than that is left by rounding alone.
constexpr double kRounding = 1e-14;

bool IsNonNegative(const LinearOptions& options, Index column) {
  return !options.non_negative.empty() && options.non_negative[static_cast<size_t>(column)];
}

std::vector<Index> NotZero(const VectorXd& coefficients) {
  std::vector<Index> kept;
  for (Index i = 0; i < coefficients.size(); ++i) {
    if (coefficients[i] != 0) kept.push_back(i);
  }
  return kept;
}

LinearOptions OptionsOf(const LinearOptions& options, const std::vector<Index>& columns) {
  LinearOptions of;
  if (options.non_negative.empty()) return of;
  for (const Index column : columns) of.non_negative.push_back(IsNonNegative(options, column));
  return of;
}

// Minimises b^T xx b / 2 - xy^T b + lasso |b|, by the active set of Lawson and Hanson, "Solving
// Least Squares Problems" (1974), chapter 23: exact after finitely many steps. With a penalty a
// coefficient that is not 0 has a sign, which it keeps until it is 0, as one that may not be
// negative does; `b` is where it begins.
class ActiveSet {
 public:
  ActiveSet(const MatrixXd& xx, const VectorXd& xy, double lasso, const LinearOptions& options,
            VectorXd* b)
      : xx_(xx), xy_(xy), lasso_(lasso), options_(options), b_(*b) {
    signs_ = b_.cwiseSign();
    for (Index i = 0; i < b_.size(); ++i) {
      if (!IsBound(i)) signs_[i] = 1;
    }
    barred_.resize(static_cast<size_t>(b_.size()));
  }

  // False: it gave up.
  bool Solve(double tolerance) {
    Settle();
    for (Index round = 0; round < 10 * b_.size() + 10; ++round) {
      const Index next = Best(tolerance);
      if (next < 0) return true;
      Enter(next);
    }
    return false;
  }

 private:
  bool IsBound(Index i) const { return lasso_ > 0 || IsNonNegative(options_, i); }

  // Which column at 0 would gain most; -1: none.
  Index Best(double tolerance) const {
    const VectorXd gradient = xy_ - xx_ * b_;
    Index best = -1;
    double most = tolerance;
    for (Index i = 0; i < b_.size(); ++i) {
      if (signs_[i] != 0 || barred_[static_cast<size_t>(i)]) continue;
      const double gain =
          (IsNonNegative(options_, i) ? gradient[i] : std::abs(gradient[i])) - lasso_;
      if (gain <= most) continue;
      best = i;
      most = gain;
    }
    return best;
  }

  // A column that is a sum of those that are in stays out: they do as well.
  void Enter(Index next) {
    const std::vector<Index> active = NotZero(signs_);
    const VectorXd towards = xx_.col(next)(active);
    const MatrixXd products = xx_(active, active);
    const double own =
        xx_(next, next) - (active.empty() ? 0 : towards.dot(products.ldlt().solve(towards)));
    barred_[static_cast<size_t>(next)] = !(own > kSingular * xx_(next, next));
    if (barred_[static_cast<size_t>(next)]) return;
    signs_[next] = xy_[next] > xx_.col(next).dot(b_) ? 1 : -1;
    Settle();
    barred_[static_cast<size_t>(next)] = signs_[next] == 0;
  }

  // To the least of the columns that are in; those that reach 0 on the way leave.
  void Settle() {
    for (;;) {
      const std::vector<Index> active = NotZero(signs_);
      if (active.empty()) return;
      const MatrixXd products = xx_(active, active);
      const VectorXd right = (xy_ - lasso_ * signs_)(active);
      const VectorXd target = products.ldlt().solve(right);
      double share = 1;
      Index border = -1;
      for (size_t k = 0; k < active.size(); ++k) {
        const Index i = active[k];
        const double to = target[static_cast<Index>(k)];
        if (!IsBound(i) || to * signs_[i] > 0) continue;
        const double to_border = b_[i] == to ? 0 : b_[i] / (b_[i] - to);
        if (border >= 0 && to_border >= share) continue;
        share = to_border;
        border = i;
      }
      b_(active) += share * (target - b_(active));
      if (border < 0) return;
      b_[border] = signs_[border] = 0;
    }
  }

  const MatrixXd& xx_;
  const VectorXd& xy_;
  const double lasso_;
  const LinearOptions& options_;
  VectorXd& b_;
  VectorXd signs_;  // of the columns that are in; 0: it is not
  std::vector<bool> barred_;
};

// Of coefficients that are as small as rounding leaves them.
double ToleranceOf(const Gram& gram) {
  return 1e-10 * std::sqrt(std::max(gram.yy() / std::max(gram.rows(), 1.0), 0.0));
}

// Of an information that is penalised by `ridge`, which is no knowledge of the rows.
void AddUncertainty(const Gram& gram, const VectorXd& ridge, LinearFit* fit) {
  fit->covariance = MatrixXd::Zero(gram.columns(), gram.columns());
  const std::vector<Index> kept = NotZero(fit->coefficients);
  fit->freedom = gram.rows();
  const VectorXd inverse = ScalesOf(gram).cwiseInverse()(kept);
  const MatrixXd products = inverse.asDiagonal() * gram.xx()(kept, kept) * inverse.asDiagonal();
  MatrixXd penalised = products;
  penalised.diagonal() += ridge(kept).cwiseProduct(inverse.cwiseAbs2());
  const Eigen::LDLT<MatrixXd> solver(penalised);
  const MatrixXd half = kept.empty() ? products : MatrixXd(solver.solve(products));
  fit->freedom -= half.trace();
  if (!(fit->freedom > 1e-6)) {
    fit->freedom = 0;
    return;
  }
  fit->residual_variance =
      std::max(gram.Residual(fit->coefficients), kRounding * gram.yy()) / fit->freedom;
  if (kept.empty()) return;
  const MatrixXd covariance = fit->residual_variance * inverse.asDiagonal() *
                              solver.solve(half.transpose()) * inverse.asDiagonal();
  fit->covariance(kept, kept) = 0.5 * (covariance + covariance.transpose());
}

// From the strongest penalty to weaker ones, each from the coefficients of the one before.
class PenalisedPath {
 public:
  PenalisedPath(const Gram& gram, Penalty penalty, const LinearOptions& options)
      : penalty_(penalty),
        options_(options),
        scales_(ScalesOf(gram)),
        xx_(ScaledProducts(gram, scales_)),
        xy_(gram.xy().cwiseQuotient(scales_) / std::max(gram.rows(), 1.0)),
        tolerance_(ToleranceOf(gram)),
        strongest_(xy_.cwiseAbs().maxCoeff()),
        scaled_(VectorXd::Zero(xy_.size())) {}

  // False: the coefficients did not settle.
  bool MoveTo(double strength) {
    const double size = strength * strongest_;
    if (penalty_ == Penalty::kLasso) {
      return ActiveSet(xx_, xy_, size, options_, &scaled_).Solve(tolerance_);
    }
    MatrixXd penalised = xx_;
    penalised.diagonal().array() += size;
    return ActiveSet(penalised, xy_, 0, options_, &scaled_).Solve(tolerance_);
  }
  // Of a Lasso the least squares of the columns that it chose and that change something: the
  // penalty chooses, and shrinks nothing (Meinshausen, "Relaxed Lasso", 2007).
  VectorXd coefficients(const Gram& gram) const {
    if (penalty_ != Penalty::kLasso) return scaled_.cwiseQuotient(scales_);
    const double least =
        kNothing * std::sqrt(std::max(gram.yy(), 0.0) / std::max(gram.rows(), 1.0));
    const std::vector<Index> chosen = NotZero((scaled_.array().abs() < least).select(0, scaled_));
    const MatrixXd products = xx_(chosen, chosen);
    const VectorXd right = xy_(chosen);
    const LinearOptions options = OptionsOf(options_, chosen);
    VectorXd refitted = scaled_(chosen), all = VectorXd::Zero(scaled_.size());
    ActiveSet(products, right, 0, options, &refitted).Solve(tolerance_);
    for (size_t i = 0; i < chosen.size(); ++i) {
      all[chosen[i]] = refitted[static_cast<Index>(i)] / scales_[chosen[i]];
    }
    return all;
  }
  // What a ridge of this strength adds to the diagonal of the products.
  VectorXd ridge(double strength, double rows) const {
    if (penalty_ == Penalty::kLasso) return VectorXd::Zero(xy_.size());
    return strength * strongest_ * std::max(rows, 1.0) * scales_.cwiseAbs2();
  }

 private:
  const Penalty penalty_;
  const LinearOptions& options_;
  const VectorXd scales_;
  const MatrixXd xx_;
  const VectorXd xy_;
  const double tolerance_, strongest_;
  VectorXd scaled_;
};

}  // namespace

size_t LinearFit::complexity() const { return NotZero(coefficients).size(); }

absl::StatusOr<LinearFit> FitLinear(const Gram& gram, const std::vector<std::string>& names,
                                    const LinearOptions& options) {
  if (gram.rows() < static_cast<double>(gram.columns())) {
    return absl::InvalidArgumentError(
        fmt::format("{:.0f} rows are too few for {} coefficients: give more, or use a family with "
                    "fewer features",
                    gram.rows(), gram.columns()));
  }
  const ChosenColumns chosen = ChooseColumns(gram, names, kSingular);
  if (!chosen.left_out.empty()) {
    return absl::InvalidArgumentError(
        chosen.left_out.front().words +
        ", so its coefficient cannot be told: leave one out, or give rows in which they differ");
  }
  LinearFit fit;
  const VectorXd scales = ScalesOf(gram);
  const MatrixXd products = ScaledProducts(gram, scales);
  const VectorXd right = gram.xy().cwiseQuotient(scales) / std::max(gram.rows(), 1.0);
  VectorXd scaled = VectorXd::Zero(gram.columns());
  fit.is_settled = ActiveSet(products, right, 0, options, &scaled).Solve(ToleranceOf(gram));
  fit.coefficients = scaled.cwiseQuotient(scales);
  AddUncertainty(gram, VectorXd::Zero(gram.columns()), &fit);
  return fit;
}

LinearFit FitAtStrength(const Gram& gram, Penalty penalty, double strength,
                        const LinearOptions& options) {
  PenalisedPath path(gram, penalty, options);
  LinearFit fit;
  fit.is_settled = path.MoveTo(strength);
  fit.coefficients = path.coefficients(gram);
  AddUncertainty(gram, path.ridge(strength, gram.rows()), &fit);
  return fit;
}

namespace {

// The first column (the strongest penalty) whose errors are not above those of the best one by more
// than the standard error of the difference. Some groups are harder than others at any strength:
// the error of a mean itself would call nearly all strengths as good where groups are few.
Index StrongestAsGood(const MatrixXd& errors) {
  Index best = 0;
  errors.colwise().mean().minCoeff(&best);
  const auto count = static_cast<double>(errors.rows());
  if (count < 2) return best;
  for (Index i = 0; i < best; ++i) {
    const VectorXd more = errors.col(i) - errors.col(best);
    const double mean = more.mean();
    const double variance = (more.array() - mean).square().sum() / (count * (count - 1));
    if (mean <= std::sqrt(variance)) return i;
  }
  return best;
}

}  // namespace

absl::StatusOr<PenalisedFit> FitPenalised(const std::vector<Gram>& groups, Penalty penalty,
                                          const LinearOptions& options) {
  if (groups.size() < 2) {
    return absl::InvalidArgumentError(
        "the strength of the penalty is found by leaving groups out: give at least two");
  }
  Gram all(groups.front().columns());
  for (const Gram& group : groups) all.Add(group);
  // At the greatest all coefficients of a Lasso are 0, which no energy is.
  std::vector<double> strengths;
  for (int i = 1; i <= kStrengths; ++i) {
    strengths.push_back(std::pow(kWeakest, static_cast<double>(i) / kStrengths));
  }
  // By strength: the mean error of a row of each group when it is left out.
  MatrixXd errors(static_cast<Index>(groups.size()), kStrengths);
  for (size_t g = 0; g < groups.size(); ++g) {
    const Gram rest = SumWithout(groups, g);
    PenalisedPath path(rest, penalty, options);
    for (int i = 0; i < kStrengths; ++i) {
      path.MoveTo(strengths[static_cast<size_t>(i)]);
      errors(static_cast<Index>(g), i) =
          groups[g].Residual(path.coefficients(rest)) / std::max(groups[g].rows(), 1.0);
    }
  }
  PenalisedFit result;
  const auto strength = [&](const MatrixXd& of) {
    return strengths[static_cast<size_t>(StrongestAsGood(of))];
  };
  result.strength = strength(errors);
  std::vector<Index> others(groups.size() - 1);
  std::iota(others.begin(), others.end(), Index{1});
  for (size_t g = 0; g < groups.size(); ++g) {
    result.strength_without.push_back(strength(errors(others, Eigen::all)));
    if (g < others.size()) others[g] = static_cast<Index>(g);
  }
  result.fit = FitAtStrength(all, penalty, result.strength, options);
  return result;
}

}  // namespace synergy
