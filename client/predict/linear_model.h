// Linear regression on columns with names: weighted, non-negative where physics says so, ridge or
// Lasso with the strength that predicts held-out groups best. All of it works on sums of products
// (a Gram matrix), so that rows are read once and leaving a group out costs a sum. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace synergy {

// Sums over rows (x, y) with weights: 1 / variance of y, in 1 / (unit of y)^2.
class Gram {
 public:
  explicit Gram(Eigen::Index columns)
      : xx_(Eigen::MatrixXd::Zero(columns, columns)), xy_(Eigen::VectorXd::Zero(columns)) {}

  // `x`: rows x columns.
  void Add(const Eigen::MatrixXd& x, const Eigen::VectorXd& y, const Eigen::VectorXd& weights);
  void Add(const Gram& more);
  Gram Columns(const std::vector<Eigen::Index>& columns) const;  // these alone

  Eigen::Index columns() const { return xy_.size(); }
  double rows() const { return rows_; }
  const Eigen::MatrixXd& xx() const { return xx_; }
  const Eigen::VectorXd& xy() const { return xy_; }
  double yy() const { return yy_; }
  // Weighted sum of squares of what `coefficients` leave.
  double Residual(const Eigen::VectorXd& coefficients) const;

 private:
  Eigen::MatrixXd xx_;
  Eigen::VectorXd xy_;
  double yy_ = 0, rows_ = 0;
};

// Of all but one: a difference would leave rounding where nothing is.
Gram SumWithout(const std::vector<Gram>& grams, size_t out);

struct LinearFit {
  Eigen::VectorXd coefficients;
  // Of the coefficients, from what the model leaves. 0 of those that stand at 0 (Lasso,
  // non-negative), and of all where no freedom is left: how sure they are nobody knows.
  Eigen::MatrixXd covariance;
  double residual_variance = 0;  // of a row of weight 1, by degrees of freedom
  double freedom = 0;            // rows less coefficients that are not 0; at least 0
  bool is_settled = true;        // whether no other coefficients are better

  size_t complexity() const;  // coefficients that are not 0
};

struct LinearOptions {
  std::vector<bool> non_negative;  // by column; empty: none is
};

// A column that says nothing beside others before it.
struct Dependence {
  Eigen::Index column = 0;
  bool is_zero = false;  // in every row; else a sum of others
  std::string words;     // what it is, with names
};
// Columns in their order, without those that are 0 everywhere and those that are sums of kept ones:
// of whose square the sum leaves at most the share `least_own`.
struct ChosenColumns {
  std::vector<Eigen::Index> kept;
  std::vector<Dependence> left_out;
};
ChosenColumns ChooseColumns(const Gram& gram, const std::vector<std::string>& names,
                            double least_own);
// Below, arithmetic cannot tell it from their sum.
inline constexpr double kSingular = 1e-12;

// Which two columns nearly say the same, where coefficients are much less sure for it; nothing:
// none do.
std::optional<std::string> FindLikeness(const Gram& gram, const std::vector<std::string>& names);

// InvalidArgument: fewer rows than columns, or columns that ChooseColumns would leave out as
// singular.
absl::StatusOr<LinearFit> FitLinear(const Gram& gram, const std::vector<std::string>& names,
                                    const LinearOptions& options = {});

enum class Penalty { kRidge, kLasso };

// Columns are scaled to the same mean square before they are penalised. The strength is the
// greatest whose error on the groups left out, one after the other, is within one standard error of
// the least. `groups`: at least two, which add up to all rows.
struct PenalisedFit {
  LinearFit fit;
  double strength = 0;  // relative to the one at which Lasso's coefficients are all 0
};
absl::StatusOr<PenalisedFit> FitPenalised(const std::vector<Gram>& groups, Penalty penalty,
                                          const LinearOptions& options = {});
// At a strength that is known.
LinearFit FitAtStrength(const Gram& gram, Penalty penalty, double strength,
                        const LinearOptions& options = {});

}  // namespace synergy
