#include "client/traces/decimal_step.h"

#include <algorithm>
#include <cmath>

namespace synergy {
namespace {

// A decimal step that is finer does not show beside anything else that is not known.
constexpr double kFinestDecimalStep = 1e-6;
// What a number's binary form may be off by, relative.
constexpr double kDecimalSlack = 1e-12;

}  // namespace

void DecimalStep::Add(double power_w) {
  for (; decimals_ <= kMostDecimals; ++decimals_) {
    const double steps = power_w * std::pow(10, decimals_);
    if (std::abs(steps - std::round(steps)) <= kDecimalSlack * std::max(1.0, std::abs(steps)))
      break;
  }
  largest_w_ = std::max(largest_w_, std::abs(power_w));
  if (different_.size() < kFewestDifferent &&
      std::ranges::find(different_, power_w) == different_.end()) {
    different_.push_back(power_w);
  }
}

std::optional<double> DecimalStep::step_w() const {
  if (decimals_ > kMostDecimals || different_.size() < kFewestDifferent) return std::nullopt;
  const double step_w = 1 / std::pow(10, decimals_);
  return step_w < kFinestDecimalStep * largest_w_ ? std::nullopt : std::optional(step_w);
}

}  // namespace synergy
