// Rows of a regression that say nothing of what ran: single readings far from anything that could
// have. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/attribution/rounded_regression.h"

namespace synergy {

// Leaves out those that are, as far as the powers `p` say, and counts those that were not left out
// before. There is at least one row.
uint64_t LeaveOutOutliers(const Eigen::VectorXd& p, RegressionRows* rows);

// What the standard deviation of most deviations is, whatever the others are; reorders them. There
// is at least one.
double StandardDeviation(std::vector<double>* deviations);

// One in so many rows is enough for what all have in common.
size_t OneIn(size_t rows);

}  // namespace synergy
