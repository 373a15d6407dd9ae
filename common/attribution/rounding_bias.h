// What rounding leaves in the mean of many readings whose values before it are not spread over
// whole steps. Pure.
#pragma once

#include <array>
#include <complex>
#include <cstddef>

namespace synergy {

// Mean of round(steps + e), e normal with a standard deviation of `noise`, less `steps`.
double MeanRounding(double steps, double noise);

// Of one rail's readings. Rounding is off by a periodic function of the value, a Fourier series
// whose k-th wave has the amplitude 1 / (pi k): where the values' own waves average out, so does
// the error; where they do not, how much of it is seen depends on where in a step the values
// lie, which rounded readings do not tell.
class RoundingBias {
 public:
  // A reading that was expected to be `steps` before rounding, and how much it counts.
  void Add(double steps, double weight = 1);
  void Add(const RoundingBias& more);

  // Of the mean of all readings, steps^2, if each had besides normal noise of `noise` steps: 1/12
  // where all are the same, 0 where they are spread evenly.
  double Variance(double noise) const;

 private:
  static constexpr size_t kWaves = 4;  // of those beyond, at most 0.011 steps^2 come
  std::array<std::complex<double>, kWaves> sums_{};
  double count_ = 0;
};

}  // namespace synergy
