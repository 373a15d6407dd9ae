#include "daemon/power/oscillator_drift.h"

#include <cmath>

namespace synergy {
namespace {

Nanoseconds Rounded(double seconds) { return {std::llround(seconds * 1e9)}; }

}  // namespace

// With u and r the chip's and the clock's seconds since the begin, dr/du = 1 + share x u / span.
MonotonicTime OscillatorDrift::ToClock(MonotonicTime chip) const {
  if (share_ == 0 || chip <= begin_) return chip;
  const double u = (chip - begin_).seconds();
  if (u <= span_s_) return chip + Rounded(share_ * u * u / (2 * span_s_));
  return chip + Rounded(share_ * (u - span_s_ / 2));
}

MonotonicTime OscillatorDrift::ToChip(MonotonicTime clock) const {
  if (share_ == 0 || clock <= begin_) return clock;
  const double r = (clock - begin_).seconds();
  if (r <= span_s_ * (1 + share_ / 2)) {
    return begin_ + Rounded(2 * r / (1 + std::sqrt(1 + 2 * share_ * r / span_s_)));
  }
  return begin_ + Rounded((r + share_ * span_s_ / 2) / (1 + share_));
}

}  // namespace synergy
