#include "common/attribution/rail_rows.h"

#include <algorithm>

namespace synergy {
namespace {

// Readings nearer to each other than this are in one cluster: what disturbs one (another process, a
// regulator) may disturb the other.
constexpr double kLeastClusterNs = 50e6;

}  // namespace

bool RailRows::Add(double begin, double end, double steps, double edge, double variance) {
  if (!course_.occupancy.Row(begin, end, &row_)) return false;
  for (const auto& e : row_) {
    if (e.parameter == course_.other()) return false;
  }
  for (const auto& e : row_) covered_s_[e.parameter] += e.weight * (end - begin) * 1e-9;
  Finish(0.5 * (begin + end), steps, edge, variance);
  return true;
}

void RailRows::AddShares(std::span<const double> shares, double at, double steps, double variance) {
  row_.clear();
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0) row_.push_back({.parameter = static_cast<uint32_t>(i), .weight = shares[i]});
  }
  Finish(at, steps, 0, variance);
}

// `row_` has the categories.
void RailRows::Finish(double at, double steps, double edge, double variance) {
  for (const auto& e : row_) ++touched_[e.parameter];
  const SlowDrift::Weights knots = drift_.At(at);
  auto parameter = static_cast<uint32_t>(course_.categories() + knots.knot);
  row_.push_back({.parameter = parameter, .weight = knots.first});
  row_.push_back({.parameter = parameter + 1, .weight = knots.second});
  if (place_errors_ && edge != 0) {
    parameter += static_cast<uint32_t>(drift_.knots());
    row_.push_back({.parameter = parameter, .weight = edge * knots.first});
    row_.push_back({.parameter = parameter + 1, .weight = edge * knots.second});
  }
  rows_.Add(row_, steps, variance, ClusterAt(at));
}

// Iterations, so many together as last long enough; in idle phases spans of time.
uint32_t RailRows::ClusterAt(double at) {
  const auto& begins = course_.iteration_begins;
  const size_t before = iteration_;
  while (iteration_ < begins.size() && begins[iteration_] <= at) ++iteration_;
  const bool measured = at >= course_.measure_begin && at <= course_.measure_end;
  const bool may_end = !measured || iteration_ != before || begins.empty();
  if (may_end && at - cluster_begin_ >= kLeastClusterNs) {
    ++cluster_;
    cluster_begin_ = at;
  }
  return cluster_;
}

}  // namespace synergy
