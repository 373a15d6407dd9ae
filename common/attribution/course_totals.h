// How long a run has spent in each category so far, and where in the slow drift. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <vector>

#include "common/attribution/rail_summary.h"
#include "common/attribution/run_course.h"
#include "common/attribution/slow_drift.h"

namespace synergy {

struct CourseTotals {
  std::vector<uint32_t> ops;         // RunCourse::ops
  std::vector<double> seconds;       // by category
  std::vector<uint64_t> executions;  // by operator
  uint64_t iterations = 0;           // measured to their end
  // Integral of each knot's weight over each category's time, s: categories x knots.
  Eigen::MatrixXd knot_seconds;

  uint32_t between() const { return static_cast<uint32_t>(ops.size()); }
  uint32_t idle() const { return between() + 1; }

  // One part more. `map`: from the part before; null where that had the same operators and knots,
  // and in the first one.
  void Add(const RunCourse& course, const SlowDrift& drift, const Remapping* map);

 private:
  void Resize(const RunCourse& course, const SlowDrift& drift, const Remapping* map);
};

}  // namespace synergy
