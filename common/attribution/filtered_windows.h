// Whose time a recursive filter's output is made of.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/attribution/occupancy.h"

namespace synergy {

// A cursor that moves forward over an occupancy, which outlives it. The filter new = old + (x -
// old) / N over conversions that follow each other without a pause is taken for an exponential
// window of N periods.
class FilteredShares {
 public:
  FilteredShares(const Occupancy& occupancy, size_t categories, double decay_ns)
      : occupancy_(occupancy), decay_ns_(decay_ns), grown_(categories), shares_(categories) {}

  // By category, what is in the filter at `at_ns`, not before the instant asked for last; they add
  // up to less than 1 by what was before the occupancy's begin. Empty beyond its end.
  std::span<const double> At(double at_ns);

 private:
  const Occupancy& occupancy_;
  const double decay_ns_;
  size_t piece_ = 0;
  double now_ns_ = 0;
  bool started_ = false;
  // Shares times e^((now - base) / decay): pieces then only add.
  double base_ns_ = 0;
  std::vector<double> grown_, shares_;
};

}  // namespace synergy
