// Rows of the regression of one rail: who ran in a window, the drift at its middle, and how the
// reading changes if the window lies elsewhere. Pure.
//
// Parameters: the course's categories, then the drift's knots [steps]; then, as far as they are
// asked for, the slowly changing error of the windows' place [us], at knots of its own, and an
// error of the drift's growth.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/attribution/run_course.h"
#include "common/attribution/slow_drift.h"

namespace synergy {

// What warms up draws more the more it works, and its regulator loses more: the drift is larger
// where the power is. All by category.
struct DriftGrowth {
  Eigen::VectorXd factor;  // of the drift
  // Where an error of the growth is asked for, else empty: the factor's slope by it, and the
  // drift's knots as they are known, less its mean, so that it changes no category's mean.
  Eigen::VectorXd slope, knots;
};

class RailRows {
 public:
  // All outlive this. `places`: null where their errors are not asked for. `growth`: null where the
  // drift is the same for all categories. `cluster_ns`: readings nearer to each other are in one
  // cluster.
  RailRows(const RunCourse& course, const SlowDrift& drift, const SlowDrift* places,
           const DriftGrowth* growth, double cluster_ns = kLeastClusterNs)
      : course_(course),
        drift_(drift),
        places_(places),
        growth_(growth),
        cluster_ns_(cluster_ns),
        rows_(static_cast<uint32_t>(course.categories())),
        touched_(course.categories()),
        covered_s_(course.categories()) {}

  // Room for so many rows.
  void Reserve(size_t rows);

  size_t parameters() const {
    return course_.categories() + drift_.knots() + place_knots() + (has_growth() ? 1 : 0);
  }
  size_t place_knots() const { return places_ == nullptr ? 0 : places_->knots(); }
  bool has_growth() const { return growth_ != nullptr && growth_->slope.size() > 0; }

  // A window [begin, end]; ns after the origin, later than the one before. `edge`: steps by which
  // the reading grows if the window moves by 1 us. False: it touches what has no power of its own
  // (RunCourse::other) or lies outside of the course; there is no row then.
  bool Add(double begin, double end, double steps, double edge, double variance);
  // The same for shares by category that are known already. `edge`: by a unit of the place's error,
  // whatever the caller takes for one.
  void AddShares(std::span<const double> shares, double at, double steps, double edge,
                 double variance);

  double at_ns(size_t row) const { return at_ns_[row]; }  // where its drift was taken
  const RegressionRows& rows() const { return rows_; }
  RegressionRows& rows() { return rows_; }
  // By category: windows that touched it, and how much of its time they took in.
  const std::vector<uint64_t>& touched() const { return touched_; }
  const std::vector<double>& covered_s() const { return covered_s_; }

 private:
  // What disturbs one reading (another process, a regulator) may disturb the next one.
  static constexpr double kLeastClusterNs = 50e6;

  uint32_t ClusterAt(double at);
  void Finish(double at, double steps, double edge, double variance, bool rounded);

  const RunCourse& course_;
  const SlowDrift& drift_;
  const SlowDrift* const places_;
  const DriftGrowth* const growth_;
  const double cluster_ns_;
  RegressionRows rows_;
  std::vector<double> at_ns_;
  std::vector<uint64_t> touched_;
  std::vector<double> covered_s_;
  std::vector<RegressionRows::Entry> row_;
  size_t near_ = 0;  // Occupancy::Row
  uint32_t cluster_ = 0;
  size_t iteration_ = 0;  // that has begun last
  double cluster_begin_ = 0;
};

}  // namespace synergy
