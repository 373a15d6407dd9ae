// Rows of the regression of one rail: who ran in a window, the drift at its middle, and how the
// reading changes if the window lies elsewhere. Pure.
//
// Parameters: the course's categories, then the drift's knots [steps], then, for windows whose
// place is fitted, its error at the same knots [us].
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/attribution/run_course.h"
#include "common/attribution/slow_drift.h"

namespace synergy {

class RailRows {
 public:
  // Both outlive this. `place_errors`: the third kind of parameters is there, too.
  RailRows(const RunCourse& course, const SlowDrift& drift, bool place_errors)
      : course_(course),
        drift_(drift),
        place_errors_(place_errors),
        touched_(course.categories()),
        covered_s_(course.categories()) {}

  size_t parameters() const {
    return course_.categories() + drift_.knots() * (place_errors_ ? 2 : 1);
  }

  // A window [begin, end]; ns after the origin, later than the one before. `edge`: steps by which
  // the reading grows if the window moves by 1 us. False: it touches what has no power of its own
  // (RunCourse::other) or lies outside of the course; there is no row then.
  bool Add(double begin, double end, double steps, double edge, double variance);
  // The same for shares by category that are known already.
  void AddShares(std::span<const double> shares, double at, double steps, double variance);

  const RegressionRows& rows() const { return rows_; }
  RegressionRows& rows() { return rows_; }
  // By category: windows that touched it, and how much of its time they took in.
  const std::vector<uint64_t>& touched() const { return touched_; }
  const std::vector<double>& covered_s() const { return covered_s_; }

 private:
  uint32_t ClusterAt(double at);
  void Finish(double at, double steps, double edge, double variance);

  const RunCourse& course_;
  const SlowDrift& drift_;
  const bool place_errors_;
  RegressionRows rows_;
  std::vector<uint64_t> touched_;
  std::vector<double> covered_s_;
  std::vector<RegressionRows::Entry> row_;
  uint32_t cluster_ = 0;
  size_t iteration_ = 0;  // that has begun last
  double cluster_begin_ = 0;
};

}  // namespace synergy
