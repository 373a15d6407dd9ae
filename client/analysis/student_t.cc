#include "client/analysis/student_t.h"

#include <cmath>
#include <initializer_list>

namespace synergy {
namespace {

// The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), summed
// from the front (Lentz's method); fast for x < (a + 1) / (a + b + 2).
double BetaFraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300, kEnough = 1e-15;
  double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), sum = d;
  for (int m = 1; m <= 10'000; ++m) {
    const double twice = 2.0 * m;
    const double even = m * (b - m) * x / ((a + twice - 1) * (a + twice));
    const double odd = -(a + m) * (a + b + m) * x / ((a + twice) * (a + twice + 1));
    double step = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = std::abs(c) < kTiny ? kTiny : c;
      step = c * d;
      sum *= step;
    }
    if (std::abs(step - 1) < kEnough) break;
  }
  return sum;
}

// Regularised.
double IncompleteBeta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(a, b, x) / a;
  return 1 - front * BetaFraction(b, a, 1 - x) / b;
}

}  // namespace

double StudentTCdf(double t, double degrees_of_freedom) {
  if (std::isinf(degrees_of_freedom)) return 0.5 * std::erfc(-t / std::sqrt(2.0));
  const double tail = 0.5 * IncompleteBeta(degrees_of_freedom / 2, 0.5,
                                           degrees_of_freedom / (degrees_of_freedom + t * t));
  return t > 0 ? 1 - tail : tail;
}

double StudentTQuantile(double p, double degrees_of_freedom) {
  // The tail is what is computed without cancellation.
  if (p > 0.5) return -StudentTQuantile(1 - p, degrees_of_freedom);
  double low = -1;
  while (StudentTCdf(low, degrees_of_freedom) > p) low *= 2;
  double high = 0;
  for (int i = 0; i < 200 && high - low > 1e-10 * -low; ++i) {
    const double middle = 0.5 * (low + high);
    (StudentTCdf(middle, degrees_of_freedom) > p ? high : low) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace synergy
