#include "common/attribution/rail_rows.h"

#include <algorithm>

namespace synergy {

void RailRows::Reserve(size_t rows) {
  constexpr size_t kOperators = 3;  // in a window, most often
  rows_.Reserve(rows, kOperators + RegressionRows::kMostLines);
  at_ns_.reserve(rows);
}

bool RailRows::Add(double begin, double end, double steps, double edge, double variance) {
  if (!course_.occupancy.Row(begin, end, &row_, &near_)) return false;
  for (const auto& e : row_) {
    if (e.parameter == course_.other()) return false;
  }
  for (const auto& e : row_) covered_s_[e.parameter] += e.weight * (end - begin) * 1e-9;
  Finish(0.5 * (begin + end), steps, edge, variance, true);
  return true;
}

void RailRows::AddShares(std::span<const double> shares, double at, double steps, double edge,
                         double variance) {
  row_.clear();
  for (size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] > 0) row_.push_back({.parameter = static_cast<uint32_t>(i), .weight = shares[i]});
  }
  Finish(at, steps, edge, variance, false);
}

// `row_` has the categories.
void RailRows::Finish(double at, double steps, double edge, double variance, bool rounded) {
  double factor = 1, slope = 0;
  if (growth_ != nullptr) factor = 0;
  for (const auto& e : row_) {
    ++touched_[e.parameter];
    if (growth_ != nullptr) factor += e.weight * growth_->factor[e.parameter];
    if (has_growth()) slope += e.weight * growth_->slope[e.parameter];
  }
  const auto add = [&](const SlowDrift& line, size_t first, double scale) {
    const SlowDrift::Weights knots = line.At(at);
    const auto parameter = static_cast<uint32_t>(first + knots.knot);
    row_.push_back({.parameter = parameter, .weight = scale * knots.first});
    row_.push_back({.parameter = parameter + 1, .weight = scale * knots.second});
  };
  add(drift_, course_.categories(), factor);
  if (places_ != nullptr) add(*places_, course_.categories() + drift_.knots(), edge);
  if (has_growth()) {
    const SlowDrift::Weights at_knots = drift_.At(at);
    const auto knot = static_cast<Eigen::Index>(at_knots.knot);
    const double drift =
        at_knots.first * growth_->knots[knot] + at_knots.second * growth_->knots[knot + 1];
    row_.push_back({.parameter = static_cast<uint32_t>(parameters() - 1), .weight = slope * drift});
  }
  at_ns_.push_back(at);
  rows_.Add(row_, steps, variance, ClusterAt(at), rounded);
}

// Iterations, so many together as last long enough; in idle phases spans of time.
uint32_t RailRows::ClusterAt(double at) {
  const auto& begins = course_.iteration_begins;
  const size_t before = iteration_;
  while (iteration_ < begins.size() && begins[iteration_] <= at) ++iteration_;
  const bool measured = at >= course_.measure_begin && at <= course_.measure_end;
  const bool may_end = !measured || iteration_ != before || begins.empty();
  if (may_end && at - cluster_begin_ >= cluster_ns_) {
    ++cluster_;
    cluster_begin_ = at;
  }
  return cluster_;
}

}  // namespace synergy
