#include "common/attribution/rounded_likelihood.h"

namespace synergy {
namespace {

constexpr double kHalfStep = 0.5;
// Beyond so many standard deviations a normal tail is replaced by its asymptote: the interval's
// likelihood underflows soon after.
constexpr double kFarTail = 25;
// From here on the rounding is as good as normal noise of a twelfth of a step^2: the difference of
// the likelihoods is below 1e-6.
constexpr double kRoundingDrowns = 2;
constexpr double kLogOfRootOfTwoPi = 0.91893853320467274178;

double Density(double x) {
  constexpr double kInverseRootOfTwoPi = 0.39894228040143267794;
  return kInverseRootOfTwoPi * std::exp(-0.5 * x * x);
}

// P(x > t), for t >= 0 without cancellation.
double UpperTail(double t) { return 0.5 * std::erfc(t * M_SQRT1_2); }

// The interval that was rounded to the reading, in standard deviations from the prediction,
// mirrored so that it lies on the side of the upper tail.
struct Interval {
  double near = 0, far = 0;
  double sign = 1;

  Interval(double residual, double sd) {
    const double lower = (residual - kHalfStep) / sd, upper = (residual + kHalfStep) / sd;
    const bool above = lower + upper >= 0;
    near = above ? lower : -upper;
    far = above ? upper : -lower;
    sign = above ? 1 : -1;
  }
  bool is_far() const { return near > kFarTail; }
  double mass() const {
    return near >= 0 ? UpperTail(near) - UpperTail(far) : 1 - UpperTail(-near) - UpperTail(far);
  }
};

LikelihoodPoint PointOfRounded(double residual, double sd) {
  const Interval i(residual, sd);
  const double scale = 1 / sd, square = scale * scale;
  if (i.is_far()) {  // the nearer edge alone counts: a normal tail behind it
    return {.log_likelihood = -0.5 * i.near * i.near - std::log(i.near) - kLogOfRootOfTwoPi,
            .score = i.sign * i.near * scale,
            .noise_score = i.near * i.near * scale,
            .curvature = square,
            .cross = i.sign * i.near * square,
            .noise_curvature = i.near * i.near * square};
  }
  const double mass = i.mass(), at_near = Density(i.near) / mass, at_far = Density(i.far) / mass;
  // Second derivatives by the interval's edges.
  const double near = at_near * (at_near - i.near), far = at_far * (at_far + i.far);
  const double both = -at_near * at_far;
  return {.log_likelihood = std::log(mass),
          .score = i.sign * (at_near - at_far) * scale,
          .noise_score = (i.near * at_near - i.far * at_far) * scale,
          .curvature = (near + 2 * both + far) * square,
          .cross = i.sign * (near * i.near + both * (i.near + i.far) + far * i.far) * square,
          .noise_curvature =
              (near * i.near * i.near + 2 * both * i.near * i.far + far * i.far * i.far) * square};
}

}  // namespace

LikelihoodPoint ExactLikelihood(double residual, double sd, double variance) {
  const double square = residual * residual / variance, slope = sd / variance;
  return {.log_likelihood = -0.5 * (square + std::log(variance)) - kLogOfRootOfTwoPi,
          .score = residual / variance,
          .noise_score = (square - 1) * slope,
          .curvature = 1 / variance,
          .cross = 0,
          .noise_curvature = 2 * slope * slope};
}

LikelihoodPoint RoundedLikelihood::WorkOut(double residual, double sd) {
  return sd < kRoundingDrowns ? PointOfRounded(residual, sd)
                              : ExactLikelihood(residual, sd, sd * sd + kRoundingVariance);
}

RoundedLikelihood::RoundedLikelihood(double sd, size_t readings) : sd_(sd) {
  if (readings < kWorthATable || sd >= kRoundingDrowns) return;
  step_ = (kHalfStep + kTableReach * sd) / kSteps;
  std::vector<Values> nodes;
  for (size_t i = 0; i < kSteps + 2; ++i) {
    const LikelihoodPoint p = PointOfRounded(step_ * static_cast<double>(i), sd);
    nodes.emplace_back(p.log_likelihood, p.score, p.noise_score, p.curvature, p.cross,
                       p.noise_curvature);
  }
  parabolas_.resize(kSteps + 1);
  for (size_t i = 1; i <= kSteps; ++i) {
    parabolas_[i] = {.value = nodes[i],
                     .slope = 0.5 * (nodes[i + 1] - nodes[i - 1]),
                     .bend = 0.5 * (nodes[i + 1] - 2 * nodes[i] + nodes[i - 1])};
  }
}

}  // namespace synergy
