#include "common/attribution/rounding_bias.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace synergy {

using std::numbers::pi;

double MeanRounding(double steps, double noise) {
  constexpr int kWaves = 16;  // the last adds 0.02 where there is no noise at all
  const double phase = 2 * pi * (steps - std::floor(steps)), twice_cos = 2 * std::cos(phase);
  const double square = std::exp(-4 * std::pow(pi * noise, 2));
  double sine = std::sin(phase), sine_before = 0;  // of k times the phase
  double left = std::sqrt(square), factor = left;  // exp(-2 (pi k noise)^2), from one k to the next
  double mean = 0, sign = -1;
  for (int k = 1; k <= kWaves && left >= 1e-6; ++k) {
    mean += sign * left * sine / (pi * k);
    sign = -sign;
    sine_before = std::exchange(sine, twice_cos * sine - sine_before);
    factor *= square;
    left *= factor;
  }
  return mean;
}

void RoundingBias::Add(double steps, double weight) {
  const std::complex<double> first = std::polar(1.0, 2 * pi * (steps - std::floor(steps)));
  std::complex<double> wave = weight;
  for (std::complex<double>& sum : sums_) sum += wave *= first;
  count_ += weight;
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
