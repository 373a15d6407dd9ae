#include "client/predict/linear_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Of a column, in its own size, that the others do not explain: below, it is their sum.
constexpr double kDependent = 1e-8;
// Variance inflation above which two columns are called alike: standard errors are a hundredfold.
constexpr double kMostInflation = 1e4;
// A column's part in another's sum, relative to the largest one, that is named.
constexpr double kNamedPart = 1e-3;
constexpr int kStrengths = 25;
constexpr double kWeakest = 1e-4;
// Of the coordinates' descent: until none moves by more than this share of the largest one.
constexpr int kMostSweeps = 500;
constexpr double kSettled = 1e-5;

bool IsNonNegative(const LinearOptions& options, Index column) {
  return !options.non_negative.empty() && options.non_negative[static_cast<size_t>(column)];
}

// Root mean squares of the columns; 1 of one that is 0 everywhere.
VectorXd ScalesOf(const Gram& gram) {
  VectorXd scales = (gram.xx().diagonal() / std::max(gram.rows(), 1.0)).cwiseMax(0).cwiseSqrt();
  for (double& scale : scales) {
    if (!(scale > 0)) scale = 1;
  }
  return scales;
}

std::vector<Index> NotZero(const VectorXd& coefficients) {
  std::vector<Index> kept;
  for (Index i = 0; i < coefficients.size(); ++i) {
    if (coefficients[i] != 0) kept.push_back(i);
  }
  return kept;
}

// Minimises b^T xx b / 2 - xy^T b + ridge b^T b / 2 + lasso |b|, column by column, from `b` on.
void Descend(const MatrixXd& xx, const VectorXd& xy, double ridge, double lasso,
             const LinearOptions& options, VectorXd* b) {
  VectorXd gradient = xy - xx * *b;
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double moved = 0;
    for (Index i = 0; i < b->size(); ++i) {
      const double own = xx(i, i);
      if (!(own > 0)) continue;
      const double towards = gradient[i] + own * (*b)[i];
      double to = std::copysign(std::max(std::abs(towards) - lasso, 0.0), towards) / (own + ridge);
      if (IsNonNegative(options, i)) to = std::max(to, 0.0);
      const double step = to - (*b)[i];
      if (step == 0) continue;
      (*b)[i] = to;
      gradient -= step * xx.col(i);
      moved = std::max(moved, std::abs(step));
    }
    if (moved <= kSettled * std::max(b->cwiseAbs().maxCoeff(), kSettled)) return;
  }
}

// Least squares of these columns alone; the others stay at 0.
VectorXd SolveFor(const Gram& gram, const std::vector<Index>& columns) {
  VectorXd b = VectorXd::Zero(gram.columns());
  if (columns.empty()) return b;
  const MatrixXd products = gram.xx()(columns, columns);
  const VectorXd right = gram.xy()(columns);
  const VectorXd found = products.ldlt().solve(right);
  b(columns) = found;
  return b;
}

// The active set of Lawson and Hanson, "Solving Least Squares Problems" (1974), chapter 23.
VectorXd SolveNonNegative(const Gram& gram, const LinearOptions& options) {
  const VectorXd scales = ScalesOf(gram);
  std::vector<bool> is_free(static_cast<size_t>(gram.columns()));
  for (Index i = 0; i < gram.columns(); ++i) {
    is_free[static_cast<size_t>(i)] = !IsNonNegative(options, i);
  }
  const auto columns = [&] {
    std::vector<Index> free;
    for (Index i = 0; i < gram.columns(); ++i) {
      if (is_free[static_cast<size_t>(i)]) free.push_back(i);
    }
    return free;
  };
  VectorXd b = SolveFor(gram, columns());
  const double tolerance = 1e-10 * std::sqrt(std::max(gram.yy() * std::max(gram.rows(), 1.0), 0.0));
  for (Index round = 0; round < 3 * gram.columns() + 1; ++round) {
    const VectorXd gains = (gram.xy() - gram.xx() * b).cwiseQuotient(scales);
    Index best = -1;
    for (Index i = 0; i < gram.columns(); ++i) {
      if (is_free[static_cast<size_t>(i)] || !(gains[i] > tolerance)) continue;
      if (best < 0 || gains[i] > gains[best]) best = i;
    }
    if (best < 0) break;
    is_free[static_cast<size_t>(best)] = true;
    for (;;) {
      const VectorXd target = SolveFor(gram, columns());
      double share = 1;
      Index border = -1;
      for (Index i = 0; i < gram.columns(); ++i) {
        if (!is_free[static_cast<size_t>(i)] || !IsNonNegative(options, i) || target[i] > 0)
          continue;
        const double to_border = b[i] / (b[i] - target[i]);
        if (border >= 0 && to_border >= share) continue;
        share = to_border;
        border = i;
      }
      b += share * (target - b);
      if (border < 0) break;
      b[border] = 0;
      is_free[static_cast<size_t>(border)] = false;
    }
  }
  return b;
}

void AddUncertainty(const Gram& gram, LinearFit* fit) {
  const std::vector<Index> kept = NotZero(fit->coefficients);
  fit->freedom = gram.rows() - static_cast<double>(kept.size());
  fit->residual_variance = fit->freedom > 0 ? gram.Residual(fit->coefficients) / fit->freedom : 0;
  fit->covariance = MatrixXd::Zero(gram.columns(), gram.columns());
  if (kept.empty()) return;
  const auto count = static_cast<Index>(kept.size());
  const MatrixXd products = gram.xx()(kept, kept);
  const MatrixXd inverse = products.ldlt().solve(MatrixXd::Identity(count, count));
  fit->covariance(kept, kept) = fit->residual_variance * inverse;
}

// Of an information that is penalised by `ridge`, which is no knowledge of the rows.
void AddPenalisedUncertainty(const Gram& gram, Penalty penalty, const VectorXd& ridge,
                             LinearFit* fit) {
  AddUncertainty(gram, fit);
  if (penalty != Penalty::kRidge) return;
  const std::vector<Index> kept = NotZero(fit->coefficients);
  if (kept.empty()) return;
  const MatrixXd products = gram.xx()(kept, kept);
  MatrixXd penalised = products;
  penalised.diagonal() += ridge(kept);
  const Eigen::LDLT<MatrixXd> solver(penalised);
  const MatrixXd half = solver.solve(products);
  fit->freedom = gram.rows() - half.trace();
  fit->residual_variance = fit->freedom > 0 ? gram.Residual(fit->coefficients) / fit->freedom : 0;
  const MatrixXd covariance = fit->residual_variance * solver.solve(half.transpose());
  fit->covariance(kept, kept) = covariance;
}

// From the strongest penalty to weaker ones, each from the coefficients of the one before.
class PenalisedPath {
 public:
  PenalisedPath(const Gram& gram, Penalty penalty, const LinearOptions& options)
      : penalty_(penalty), options_(options), inverse_(ScalesOf(gram).cwiseInverse()) {
    xx_ = inverse_.asDiagonal() * gram.xx() * inverse_.asDiagonal();
    xy_ = inverse_.cwiseProduct(gram.xy());
    strongest_ = xy_.cwiseAbs().maxCoeff();
    scaled_ = VectorXd::Zero(xy_.size());
  }

  void MoveTo(double strength) {
    const double size = strength * strongest_;
    Descend(xx_, xy_, penalty_ == Penalty::kRidge ? size : 0,
            penalty_ == Penalty::kLasso ? size : 0, options_, &scaled_);
  }
  VectorXd coefficients() const { return inverse_.cwiseProduct(scaled_); }
  // What a ridge of this strength adds to the diagonal of the products.
  VectorXd ridge(double strength) const {
    return strength * strongest_ * inverse_.cwiseInverse().cwiseAbs2();
  }

 private:
  const Penalty penalty_;
  const LinearOptions& options_;
  const VectorXd inverse_;
  MatrixXd xx_;
  VectorXd xy_, scaled_;
  double strongest_ = 0;
};

}  // namespace

void Gram::Add(const Gram& more) {
  xx_ += more.xx_;
  xy_ += more.xy_;
  yy_ += more.yy_;
  rows_ += more.rows_;
}

void Gram::Add(const MatrixXd& x, const VectorXd& y, const VectorXd& weights) {
  const MatrixXd weighted = weights.asDiagonal() * x;
  xx_.noalias() += x.transpose() * weighted;
  xy_.noalias() += weighted.transpose() * y;
  yy_ += y.dot(weights.cwiseProduct(y));
  rows_ += static_cast<double>(x.rows());
}

Gram Gram::Without(const Gram& part) const {
  Gram rest = *this;
  rest.xx_ -= part.xx_;
  rest.xy_ -= part.xy_;
  rest.yy_ -= part.yy_;
  rest.rows_ -= part.rows_;
  return rest;
}

double Gram::Residual(const VectorXd& coefficients) const {
  return std::max(0.0, yy_ - 2 * coefficients.dot(xy_) + coefficients.dot(xx_ * coefficients));
}

size_t LinearFit::complexity() const { return NotZero(coefficients).size(); }

// Columns are taken in their order: the later one is named.
std::optional<Dependence> FindDependence(const Gram& gram, const std::vector<std::string>& names) {
  const VectorXd scales = ScalesOf(gram);
  const VectorXd inverse = scales.cwiseInverse();
  const MatrixXd scaled =
      inverse.asDiagonal() * gram.xx() * inverse.asDiagonal() / std::max(gram.rows(), 1.0);
  std::vector<Index> kept;
  for (Index column = 0; column < gram.columns(); ++column) {
    const std::string& name = names[static_cast<size_t>(column)];
    if (scaled(column, column) == 0) {
      return Dependence{column, fmt::format("'{}' is 0 in every row", name)};
    }
    const MatrixXd known = scaled(kept, kept);
    const VectorXd towards = scaled.col(column)(kept);
    const VectorXd parts = kept.empty() ? towards : VectorXd(known.ldlt().solve(towards));
    const double left = scaled(column, column) - parts.dot(towards);
    if (left > kDependent * scaled(column, column)) {
      kept.push_back(column);
      continue;
    }
    std::vector<std::string> of;
    const double most = parts.size() == 0 ? 0 : parts.cwiseAbs().maxCoeff();
    for (size_t i = 0; i < kept.size(); ++i) {
      if (std::abs(parts[static_cast<Index>(i)]) > kNamedPart * most) {
        of.push_back("'" + names[static_cast<size_t>(kept[i])] + "'");
      }
    }
    return Dependence{column,
                      fmt::format("'{}' is a sum of {} in these rows", name, fmt::join(of, ", "))};
  }
  return std::nullopt;
}

std::optional<std::string> FindLikeness(const Gram& gram, const std::vector<std::string>& names) {
  const VectorXd inverse = ScalesOf(gram).cwiseInverse();
  const MatrixXd scaled =
      inverse.asDiagonal() * gram.xx() * inverse.asDiagonal() / std::max(gram.rows(), 1.0);
  Index column = 0, like = 0;
  const double inflation = scaled.inverse().diagonal().maxCoeff(&column);
  if (!(inflation > kMostInflation)) return std::nullopt;
  VectorXd others = scaled.col(column).cwiseAbs();
  others[column] = 0;
  others.maxCoeff(&like);
  return fmt::format(
      "'{}' and '{}' hardly differ in these rows (the variance of a coefficient is {:.1e} times "
      "what it would be otherwise): their energies are known together, and not each",
      names[static_cast<size_t>(column)], names[static_cast<size_t>(like)], inflation);
}

absl::StatusOr<LinearFit> FitLinear(const Gram& gram, const std::vector<std::string>& names,
                                    const LinearOptions& options) {
  if (gram.rows() < static_cast<double>(gram.columns())) {
    return absl::InvalidArgumentError(
        fmt::format("{:.0f} rows are too few for {} coefficients: give more, or use a family with "
                    "fewer features",
                    gram.rows(), gram.columns()));
  }
  if (const std::optional<Dependence> dependence = FindDependence(gram, names)) {
    return absl::InvalidArgumentError(
        dependence->words +
        ", so its coefficient cannot be told: leave one out, or give rows in which they differ");
  }
  LinearFit fit;
  fit.coefficients = SolveNonNegative(gram, options);
  AddUncertainty(gram, &fit);
  return fit;
}

LinearFit FitAtStrength(const Gram& gram, Penalty penalty, double strength,
                        const LinearOptions& options) {
  PenalisedPath path(gram, penalty, options);
  path.MoveTo(strength);
  LinearFit fit;
  fit.coefficients = path.coefficients();
  AddPenalisedUncertainty(gram, penalty, path.ridge(strength), &fit);
  return fit;
}

absl::StatusOr<PenalisedFit> FitPenalised(const std::vector<Gram>& groups, Penalty penalty,
                                          const LinearOptions& options) {
  if (groups.size() < 2) {
    return absl::InvalidArgumentError(
        "the strength of the penalty is found by leaving groups out: give at least two");
  }
  Gram all(groups.front().columns());
  for (const Gram& group : groups) all.Add(group);
  std::vector<double> strengths;
  for (int i = 0; i < kStrengths; ++i) {
    strengths.push_back(std::pow(kWeakest, static_cast<double>(i) / (kStrengths - 1)));
  }
  // By strength: the mean error of a row over the groups left out, and its standard error.
  MatrixXd errors(static_cast<Index>(groups.size()), kStrengths);
  for (size_t g = 0; g < groups.size(); ++g) {
    PenalisedPath path(all.Without(groups[g]), penalty, options);
    for (int i = 0; i < kStrengths; ++i) {
      path.MoveTo(strengths[static_cast<size_t>(i)]);
      errors(static_cast<Index>(g), i) =
          groups[g].Residual(path.coefficients()) / std::max(groups[g].rows(), 1.0);
    }
  }
  const Eigen::RowVectorXd mean = errors.colwise().mean();
  Index best = 0;
  const double least = mean.minCoeff(&best);
  const auto count = static_cast<double>(groups.size());
  const double error = std::sqrt((errors.col(best).array() - least).square().sum() /
                                 std::max(count * (count - 1), 1.0));
  Index chosen = 0;
  while (mean[chosen] > least + error) ++chosen;
  PenalisedFit result;
  result.strength = strengths[static_cast<size_t>(chosen)];
  result.fit = FitAtStrength(all, penalty, result.strength, options);
  return result;
}

}  // namespace synergy
