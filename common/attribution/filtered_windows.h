// Whose time a recursive filter's output is made of.
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <cstddef>
#include <cstdint>

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

// What a filter holds when it is read, by category. A conversion stands for half a period to either
// side of its middle, and the last one before a read ended up to a period before it: all is known
// to within a period. What was before the occupancy's begin is taken to be as at its begin.
struct HeldShares {
  Eigen::VectorXd mean;    // over that period
  Eigen::VectorXd moved;   // from its begin to its end
  Eigen::VectorXd slowed;  // by how much mean grows if the filter is slower
  double before = 0;       // of them, what was before the occupancy's begin
};

// A cursor over them.
class FilterReader {
 public:
  // Conversions come every `period_ns`; `slower`: a share of that.
  FilterReader(const Occupancy& occupancy, size_t categories, double period_ns, double average,
               double slower);

  double decay_ns() const { return decay_ns_; }
  // `at_ns`: of the read, less half of the time that a conversion takes. Later by a period or more
  // than the one before. False beyond the occupancy's end.
  bool At(double at_ns, HeldShares* held);

 private:
  bool Complete(FilteredShares* filter, double at_ns, Eigen::VectorXd* shares, double* before);

  const double half_period_ns_, decay_ns_;
  const uint32_t first_;
  FilteredShares filtered_, slower_;
};

}  // namespace synergy
