// Whose time a recursive filter's output is made of.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <cstddef>

#include "common/attribution/occupancy.h"

namespace synergy {

// After so many conversions the filter new = old + (x - old) / average, average > 1, has e^-1 of
// what it held: each leaves 1 - 1 / average of it.
inline double DecayConversions(double average) { return -1 / std::log1p(-1 / average); }

// A cursor that moves forward over an occupancy, which outlives it. A filter over conversions that
// follow each other without a pause is taken for an exponential window.
class FilteredShares {
 public:
  FilteredShares(const Occupancy& occupancy, size_t categories, double decay_ns)
      : occupancy_(occupancy),
        decay_ns_(decay_ns),
        grown_(Eigen::VectorXd::Zero(static_cast<Eigen::Index>(categories))) {}

  // By category, what is in the filter at `at_ns`, not before the instant asked for last; they add
  // up to less than 1 by what was before the occupancy's begin. False beyond its end.
  bool At(double at_ns, Eigen::VectorXd* shares);

 private:
  const Occupancy& occupancy_;
  const double decay_ns_;
  size_t piece_ = 0;
  double now_ns_ = 0;
  bool started_ = false;
  // Shares times e^((now - base) / decay): pieces then only add.
  double base_ns_ = 0;
  Eigen::VectorXd grown_;
};

}  // namespace synergy
