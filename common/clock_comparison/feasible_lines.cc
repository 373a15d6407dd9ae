#include "common/clock_comparison/feasible_lines.h"

#include <algorithm>

namespace synergy {
namespace {

// How far from the first bound lines are looked for: more than any pair of bounds leaves open, and
// small enough that corners keep their nanoseconds in doubles.
constexpr double kReachNs = 1e12;

}  // namespace

bool FeasibleLines::Cut(int64_t x_ns, int64_t y_ns, int sign) {
  if (corners_.empty()) {
    origin_x_ns_ = x_ns;
    origin_y_ns_ = y_ns;
    const double steepest = max_drift_ * 1e9;
    corners_ = {
        {-kReachNs, -steepest}, {kReachNs, -steepest}, {kReachNs, steepest}, {-kReachNs, steepest}};
  }
  const double x_s = 1e-9 * static_cast<double>(x_ns - origin_x_ns_);
  const double y = static_cast<double>(y_ns - origin_y_ns_);
  // How far a corner's line is beyond the bound; at most 0 where it may stay.
  const auto beyond = [&](const Corner& c) { return sign * (c.a_ns + c.ns_per_s * x_s - y); };
  std::vector<Corner> left;
  left.reserve(corners_.size() + 1);
  for (size_t i = 0; i < corners_.size(); ++i) {
    const Corner& here = corners_[i];
    const Corner& next = corners_[(i + 1) % corners_.size()];
    const double before = beyond(here), after = beyond(next);
    if (before <= 0) left.push_back(here);
    if ((before < 0 && after > 0) || (before > 0 && after < 0)) {
      const double part = before / (before - after);
      left.push_back({here.a_ns + part * (next.a_ns - here.a_ns),
                      here.ns_per_s + part * (next.ns_per_s - here.ns_per_s)});
    }
  }
  if (left.empty()) return false;
  corners_ = std::move(left);
  (sign > 0 ? has_most_ : has_least_) = true;
  return true;
}

std::optional<FeasibleLines::Range> FeasibleLines::At(int64_t x_ns) const {
  if (!bounded()) return std::nullopt;
  const double x_s = 1e-9 * static_cast<double>(x_ns - origin_x_ns_);
  Range range{corners_[0].a_ns + corners_[0].ns_per_s * x_s, 0};
  range.high_ns = range.low_ns;
  for (const Corner& corner : corners_) {
    const double y = corner.a_ns + corner.ns_per_s * x_s;
    range.low_ns = std::min(range.low_ns, y);
    range.high_ns = std::max(range.high_ns, y);
  }
  range.low_ns += static_cast<double>(origin_y_ns_);
  range.high_ns += static_cast<double>(origin_y_ns_);
  return range;
}

std::optional<FeasibleLines::Range> FeasibleLines::Drift() const {
  if (!bounded()) return std::nullopt;
  const auto [low, high] = std::ranges::minmax(corners_, {}, &Corner::ns_per_s);
  return Range{low.ns_per_s * 1e-9, high.ns_per_s * 1e-9};
}

}  // namespace synergy
