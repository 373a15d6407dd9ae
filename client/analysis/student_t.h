// Student's t distribution, for any level: mean_interval.h has its 97.5 % alone. Pure.
#pragma once

#include <limits>

namespace synergy {

// So many degrees of freedom make it the normal distribution.
inline constexpr double kKnownVariance = std::numeric_limits<double>::infinity();

// The probability to stay below t. Degrees of freedom above 0, not only whole ones. Good to 1e-12.
double StudentTCdf(double t, double degrees_of_freedom);

// The t below which it stays with probability p, 0 < p < 1. Good to 1e-9 of itself.
double StudentTQuantile(double p, double degrees_of_freedom);

}  // namespace synergy
