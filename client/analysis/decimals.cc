#include "client/analysis/decimals.h"

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

constexpr int kMost = 9;
constexpr double kRoundingOfSums = 1e-12;  // of the value

}  // namespace

int DecimalsOf(double value, double half_width, int unknown) {
  if (!std::isfinite(half_width) || !(half_width > kRoundingOfSums * std::abs(value))) {
    return unknown;
  }
  return std::clamp(1 - static_cast<int>(std::floor(std::log10(half_width))), 0, kMost);
}

}  // namespace synergy
