// Rows of the regression of one rail: who ran in a window, the drift at its middle, and how the
// reading changes if the window lies elsewhere. Pure.
//
// Parameters: the course's categories, then the drift's knots [steps], then, for windows whose
// place is fitted, its slowly changing error [us], at knots of its own.
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
  // All outlive this. `place_errors`: of the third kind of parameters; null: there are none.
  RailRows(const RunCourse& course, const SlowDrift& drift, const SlowDrift* place_errors)
      : course_(course),
        drift_(drift),
        place_errors_(place_errors),
        touched_(course.categories()),
        covered_s_(course.categories()) {}

  size_t parameters() const {
    const size_t places = place_errors_ == nullptr ? 0 : place_errors_->knots();
    return course_.categories() + drift_.knots() + places;
  }

  // A window [begin, end]; ns after the origin, later than the one before. `edge`: steps by which
  // the reading grows if the window moves by 1 us. False: it touches what has no power of its own
  // (RunCourse::other) or lies outside of the course; there is no row then.
  bool Add(double begin, double end, double steps, double edge, double variance);
  // The same for shares by category that are known already.
  void AddShares(std::span<const double> shares, double at, double steps, double variance);

  double at_ns(size_t row) const { return at_ns_[row]; }  // where its drift was taken
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
  const SlowDrift* const place_errors_;
  RegressionRows rows_;
  std::vector<double> at_ns_;
  std::vector<uint64_t> touched_;
  std::vector<double> covered_s_;
  std::vector<RegressionRows::Entry> row_;
  uint32_t cluster_ = 0;
  size_t iteration_ = 0;  // that has begun last
  double cluster_begin_ = 0;
};

}  // namespace synergy
