// Linear regression on columns with names: weighted, non-negative where physics says so, ridge or
// Lasso with the strength that predicts held-out groups best. All of it works on sums of products.
// Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/predict/column_choice.h"
#include "client/predict/gram.h"

namespace synergy {

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

// InvalidArgument: fewer rows than columns, or columns that ChooseColumns would leave out as
// singular.
absl::StatusOr<LinearFit> FitLinear(const Gram& gram, const std::vector<std::string>& names,
                                    const LinearOptions& options = {});

enum class Penalty { kRidge, kLasso };

// Columns are scaled to the same mean square before they are penalised. Lasso chooses columns,
// whose coefficients are their least squares then. The strength is the greatest whose errors on the
// groups left out, one after the other, are above those of the best by at most one standard error
// of the difference. `groups`: at least two, which add up to all rows.
struct PenalisedFit {
  LinearFit fit;
  double strength = 0;  // relative to the one at which Lasso's coefficients are all 0
  // By group: the same by the errors of the other groups.
  std::vector<double> strength_without;
};
absl::StatusOr<PenalisedFit> FitPenalised(const std::vector<Gram>& groups, Penalty penalty,
                                          const LinearOptions& options = {});
// At a strength that is known, from which a Lasso's columns follow.
LinearFit FitAtStrength(const Gram& gram, Penalty penalty, double strength,
                        const LinearOptions& options = {});

}  // namespace synergy
