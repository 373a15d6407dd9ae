// The likelihood of one reading that a sensor has rounded to a whole step.
//
// Units: steps. Pure.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace synergy {

// Of the difference between a value and its whole step, which is even; steps^2.
inline constexpr double kRoundingVariance = 1.0 / 12;

// The log-likelihood of one reading, up to a constant, and its derivatives by its prediction and
// its standard deviation: the gradient, and minus the second ones (of a rounded one without the
// terms that vanish where the likelihood is highest: what is left is never negative).
struct LikelihoodPoint {
  double log_likelihood = 0;
  double score = 0, noise_score = 0;
  double curvature = 0, cross = 0, noise_curvature = 0;
};

// Of a reading that is not rounded: normal with this variance. `sd`: what the derivatives are by.
LikelihoodPoint ExactLikelihood(double residual, double sd, double variance);

// Of rounded readings, thousands of which share one standard deviation: it is looked up. Beyond the
// table, and for other standard deviations, it is worked out. Constant.
class RoundedLikelihood {
 public:
  // For so many readings of this standard deviation.
  RoundedLikelihood(double sd, size_t readings);

  // `residual`: the reading less its prediction. `sd`: before rounding.
  LikelihoodPoint At(double residual, double sd) const {
    if (sd != sd_ || !(std::abs(residual) < step_ * kSteps)) return WorkOut(residual, sd);
    const double place = std::abs(residual) / step_;
    const auto node = std::max<size_t>(1, static_cast<size_t>(place + 0.5));
    const Parabola& p = parabolas_[node];
    const double off = place - static_cast<double>(node);
    const Values v = p.value + off * (p.slope + off * p.bend);
    const double sign = residual < 0 ? -1 : 1;
    return {.log_likelihood = v[0],
            .score = sign * v[1],
            .noise_score = v[2],
            .curvature = v[3],
            .cross = sign * v[4],
            .noise_curvature = v[5]};
  }

 private:
  // Parabolas through three nodes: with these steps they are off by less than 1e-5 of each value.
  static constexpr int kSteps = 250;
  static constexpr double kTableReach = 5;  // standard deviations beyond the half step
  static constexpr size_t kWorthATable = 300;

  using Values = Eigen::Matrix<double, 6, 1>;
  struct Parabola {
    Values value, slope, bend;
  };

  static LikelihoodPoint WorkOut(double residual, double sd);

  const double sd_;
  double step_ = 0;                  // 0: there is no table
  std::vector<Parabola> parabolas_;  // none of the first node
};

}  // namespace synergy
