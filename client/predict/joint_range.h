// How far features lie together from what a regression was fitted to, each of which may be within
// its own range: the leverage of a row (Cook, "Influential Observations in Linear Regression",
// 1979). Pure.
#pragma once

#include <Eigen/Dense>
#include <string>
#include <vector>

#include "client/predict/feature_table.h"

namespace synergy {

struct JointRange {
  std::vector<std::string> features;  // none: not known
  Eigen::MatrixXd inverse;            // of the sum of products of a constant and them, weighted
  double least = 0;                   // a row weighs 1 / (its value^2 + least^2)
  double most = 0;                    // leverage of a row that was fitted to
};

// `values`: of the target, as predicted.
JointRange JointRangeOf(const FeatureTable& rows, const std::vector<std::string>& features,
                        const Eigen::VectorXd& values, double least);

// By row, whose features are all there.
Eigen::VectorXd LeveragesOf(const JointRange& range, const FeatureTable& table,
                            const Eigen::VectorXd& values);

}  // namespace synergy
