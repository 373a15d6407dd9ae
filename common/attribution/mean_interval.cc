#include "common/attribution/mean_interval.h"

#include <array>
#include <cmath>

namespace synergy {
namespace {

// Quantiles 0.975 for 1 to 10 degrees of freedom, from any table of the distribution.
constexpr std::array<double, 10> kFew = {12.706204736, 4.302652730, 3.182446305, 2.776445105,
                                         2.570581836,  2.446911851, 2.364624252, 2.306004135,
                                         2.262157163,  2.228138852};
constexpr double kNormal975 = 1.959963984540054;

}  // namespace

double StudentT975(uint64_t degrees_of_freedom) {
  if (degrees_of_freedom <= kFew.size()) return kFew[degrees_of_freedom - 1];
  // Abramowitz and Stegun 26.7.5: the expansion around the normal quantile, good to 2e-5 from 11
  // on.
  const double n = static_cast<double>(degrees_of_freedom), z = kNormal975;
  const double z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, z9 = z7 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n) +
         (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * n * n * n * n);
}

MeanWithInterval RunningMean::Result() const {
  MeanWithInterval result{.mean = mean_, .ci95 = std::nullopt};
  if (count_ < 2) return result;
  const double n = static_cast<double>(count_);
  const double half = StudentT975(count_ - 1) * std::sqrt(squares_ / (n - 1) / n);
  result.ci95 = {.low = mean_ - half, .high = mean_ + half};
  return result;
}

}  // namespace synergy
