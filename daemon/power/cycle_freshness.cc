#include "daemon/power/cycle_freshness.h"

#include <utility>

namespace synergy {

CycleFreshness::CycleFreshness(double period_s, double tolerance, std::vector<double> offsets)
    : cycle_(period_s, tolerance) {
  for (const double offset : offsets) registers_.push_back({.offset = offset});
}

void CycleFreshness::Forget() {
  cycle_.Restart();
  for (Register& reg : registers_) reg.was_read = false;
}

CycleFreshness::Seen CycleFreshness::OnRead(size_t index, TimeSpan span, int64_t value) {
  Register& reg = registers_[index];
  const Register before =
      std::exchange(reg, {.offset = reg.offset, .was_read = true, .span = span, .value = value});
  const bool changed = before.was_read && before.value != value;
  if (changed) cycle_.OnConversion(reg.offset, {before.span.earliest, span.latest});
  Seen seen{.number = cycle_.LastBefore(reg.offset, span)};
  if (changed) {
    seen.freshness = Freshness::kFresh;
  } else if (before.was_read) {
    const double longest_s = cycle_.longest_s();
    if (longest_s > 0 && (span.earliest - before.span.latest).seconds() >= longest_s) {
      seen.freshness = Freshness::kFresh;
    } else if (const auto last = cycle_.LastBefore(reg.offset, before.span); last && seen.number) {
      if (seen.number->lowest > last->highest) seen.freshness = Freshness::kFresh;
      if (seen.number->highest <= last->lowest) seen.freshness = Freshness::kRepeat;
    }
  }
  return seen;
}

}  // namespace synergy
