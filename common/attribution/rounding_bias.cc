#include "common/attribution/rounding_bias.h"

#include <cmath>
#include <numbers>

namespace synergy {

using std::numbers::pi;

void RoundingBias::Add(double steps) {
  const std::complex<double> first = std::polar(1.0, 2 * pi * (steps - std::floor(steps)));
  std::complex<double> wave = 1;
  for (std::complex<double>& sum : sums_) sum += wave *= first;
  count_ += 1;
}

void RoundingBias::Add(const RoundingBias& more) {
  for (size_t i = 0; i < kWaves; ++i) sums_[i] += more.sums_[i];
  count_ += more.count_;
}

double RoundingBias::Variance(double noise) const {
  if (count_ == 0) return 0;
  double variance = 0;
  for (size_t i = 0; i < kWaves; ++i) {
    const double k = static_cast<double>(i + 1);
    const double left = std::abs(sums_[i]) / count_ * std::exp(-2 * std::pow(pi * k * noise, 2));
    variance += 0.5 * std::pow(left / (pi * k), 2);
  }
  return variance;
}

}  // namespace synergy
