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
  const auto add = [&](const SlowDrift& line, size_t first, double factor) {
    const SlowDrift::Weights knots = line.At(at);
    const auto parameter = static_cast<uint32_t>(first + knots.knot);
    row_.push_back({.parameter = parameter, .weight = factor * knots.first});
    row_.push_back({.parameter = parameter + 1, .weight = factor * knots.second});
  };
  add(drift_, course_.categories(), 1);
  if (place_errors_ != nullptr && edge != 0) {
    add(*place_errors_, course_.categories() + drift_.knots(), edge);
  }
  at_ns_.push_back(at);
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
