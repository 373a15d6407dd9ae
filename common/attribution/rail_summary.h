// What the parts of a run so far say of one rail: as large as its parameters are many, however long
// the run. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/attribution/rounded_regression.h"
#include "common/attribution/rounding_bias.h"
#include "common/attribution/slow_drift.h"

namespace synergy {

// Parameters are a course's categories and a drift's knots; a later part of the run may have more
// operators, and has more knots, or fewer that are further apart.
struct Remapping {
  // Of courses with these operators, RunCourse::ops.
  Remapping(const std::vector<uint32_t>& from, const SlowDrift& from_drift,
            const std::vector<uint32_t>& to, const SlowDrift& to_drift);

  std::vector<uint32_t> category;  // new number of each old one
  size_t categories = 0;           // new ones
  Eigen::MatrixXd old_of_new;      // old parameters as linear combinations of the new ones
  Eigen::MatrixXd knots_of_old;    // values at the new knots of what the old ones say

  // Values by category; a new one has `level`.
  Eigen::VectorXd CategoryValues(const Eigen::VectorXd& old, double level) const;
  // Values of parameters; a new category has `level`.
  Eigen::VectorXd Values(const Eigen::VectorXd& old, double level) const;
};

struct RailSummary {
  // Of the parameters and, last, the noise (RegressionFit).
  Quadratic data;                  // of the rows, whatever else was known of them
  Eigen::MatrixXd score_products;  // sum over clusters of readings
  size_t clusters = 0;
  uint64_t readings = 0, used = 0, outliers = 0, stuck = 0;  // as in RailFit
  std::vector<uint64_t> touched;
  std::vector<double> covered_s;
  Eigen::VectorXd row_sum;      // of the weights and of the readings of rows that are no outliers
  Eigen::VectorXd row_squares;  // likewise
  double y_sum = 0;
  double y_least = std::numeric_limits<double>::infinity(), y_most = -y_least;
  double residual_step_s = 0;                // as in RailFit
  RoundingBias rounding;                     // of rows that took rounding for noise
  std::vector<RoundingBias> quiet_rounding;  // of others, by category, while noise hardly shows
  double place_squares_ns2 = 0;  // of the standard deviations of `placed` fitted windows' places
  uint64_t placed = 0;

  bool empty() const { return used == 0; }
  uint64_t counted() const { return used - outliers; }  // rows that are no outliers
  // One without rows takes the other's size.
  void Add(const RailSummary& more);
  void Remap(const Remapping& map);
};

}  // namespace synergy
