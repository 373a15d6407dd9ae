// A slow change of a rail's power beside what ran: temperature and leakage. A line through knots
// that lie evenly over the run, so few that no operator can hide in it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace synergy {

// Constant.
class SlowDrift {
 public:
  static constexpr size_t kMostKnots = 13;
  // Closer ones would follow the iterations of slow networks.
  static constexpr double kLeastSpacingNs = 2e9;

  // Over [0, end_ns].
  explicit SlowDrift(double end_ns)
      : knots_(1 + static_cast<size_t>(std::clamp(std::floor(end_ns / kLeastSpacingNs), 1.0,
                                                  static_cast<double>(kMostKnots - 1)))),
        spacing_ns_(std::max(end_ns, 1.0) / static_cast<double>(knots_ - 1)) {}

  size_t knots() const { return knots_; }

  // The weights of the two knots around an instant; the second one's index is one higher.
  struct Weights {
    size_t knot = 0;
    double first = 0, second = 0;
  };
  Weights At(double at_ns) const {
    const double place = std::clamp(at_ns / spacing_ns_, 0.0, static_cast<double>(knots_ - 1));
    const size_t knot = std::min(static_cast<size_t>(place), knots_ - 2);
    const double part = place - static_cast<double>(knot);
    return {.knot = knot, .first = 1 - part, .second = part};
  }

 private:
  size_t knots_;
  double spacing_ns_;
};

}  // namespace synergy
