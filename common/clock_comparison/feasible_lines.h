// The straight lines that satisfy every bound that is known of one: how far two clocks are apart,
// each bound being an instant before or after which something must have happened.
//
// The lines y = a + b x that lie below some points and above others are a convex polygon in the
// plane of (a, b). Each bound cuts a half-plane off it, so that bounds are taken one by one, in
// constant memory, and the range of y at any x is read off the polygon's corners.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace synergy {

// Thread-compatible, copyable.
class FeasibleLines {
 public:
  struct Range {
    double low_ns = 0;
    double high_ns = 0;
    double middle_ns() const { return low_ns + (high_ns - low_ns) / 2; }
    double half_width_ns() const { return (high_ns - low_ns) / 2; }
  };

  // Lines rise or fall by at most `max_drift` (1e-6: a ppm).
  explicit FeasibleLines(double max_drift) : max_drift_(max_drift) {}

  // At x_ns the line is at y_ns at most, or at least. False: no line would be left, and the bound
  // was not taken.
  bool AtMost(int64_t x_ns, int64_t y_ns) { return Cut(x_ns, y_ns, 1); }
  bool AtLeast(int64_t x_ns, int64_t y_ns) { return Cut(x_ns, y_ns, -1); }

  // Where the lines are at x_ns; absent before there is a bound on either side. Exact up to 1 ns.
  std::optional<Range> At(int64_t x_ns) const;
  // How the lines rise, as ns per ns.
  std::optional<Range> Drift() const;

 private:
  struct Corner {
    double a_ns;      // at origin_x_, above origin_y_
    double ns_per_s;  // b
  };
  bool Cut(int64_t x_ns, int64_t y_ns, int sign);
  bool bounded() const { return has_most_ && has_least_; }

  double max_drift_;
  int64_t origin_x_ns_ = 0, origin_y_ns_ = 0;
  bool has_most_ = false, has_least_ = false;
  std::vector<Corner> corners_;  // in order around the polygon
};

}  // namespace synergy
