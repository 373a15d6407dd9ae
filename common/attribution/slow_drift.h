// A slow change of a rail's power beside what ran: temperature and leakage. A line through knots
// that lie evenly over the run, so few that no operator can hide in it.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
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

  // Over [begin_ns, end_ns].
  SlowDrift(double begin_ns, double end_ns)
      : begin_ns_(begin_ns),
        knots_(1 + static_cast<size_t>(std::clamp(std::floor((end_ns - begin_ns) / kLeastSpacingNs),
                                                  1.0, static_cast<double>(kMostKnots - 1)))),
        spacing_ns_(std::max(end_ns - begin_ns, 1.0) / static_cast<double>(knots_ - 1)),
        a_ns_(1 / spacing_ns_) {}

  size_t knots() const { return knots_; }
  friend bool operator==(const SlowDrift&, const SlowDrift&) = default;

  // The same for a run that has gone on until `end_ns`: more knots at the same distance, of more
  // than twice kMostKnots every second one. What the knots of this one say, those of that one can.
  SlowDrift ExtendedTo(double end_ns) const {
    SlowDrift drift = *this;
    const auto spans = [&] { return std::ceil((end_ns - begin_ns_) / drift.spacing_ns_); };
    while (spans() > 2 * (kMostKnots - 1)) drift.spacing_ns_ *= 2;
    drift.a_ns_ = 1 / drift.spacing_ns_;
    drift.knots_ = 1 + static_cast<size_t>(std::max(1.0, spans()));
    if (drift.spacing_ns_ == spacing_ns_) drift.knots_ = std::max(drift.knots_, knots_);
    return drift;
  }

  // The weights of the two knots around an instant; the second one's index is one higher.
  struct Weights {
    size_t knot = 0;
    double first = 0, second = 0;
  };
  Weights At(double at_ns) const {
    const double place =
        std::clamp((at_ns - begin_ns_) * a_ns_, 0.0, static_cast<double>(knots_ - 1));
    const size_t knot = std::min(static_cast<size_t>(place), knots_ - 2);
    const double part = place - static_cast<double>(knot);
    return {.knot = knot, .first = 1 - part, .second = part};
  }

  // Values at the knots of this one, as linear combinations of those of `longer`, which extends
  // it: knots x knots of `longer`.
  Eigen::MatrixXd In(const SlowDrift& longer) const {
    Eigen::MatrixXd weights = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(knots_),
                                                    static_cast<Eigen::Index>(longer.knots_));
    for (size_t i = 0; i < knots_; ++i) {
      const Weights w = longer.At(begin_ns_ + static_cast<double>(i) * spacing_ns_);
      weights(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(w.knot)) = w.first;
      weights(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(w.knot + 1)) = w.second;
    }
    return weights;
  }

 private:
  double begin_ns_;
  size_t knots_;
  double spacing_ns_;
  double a_ns_;  // knots a ns
};

}  // namespace synergy
