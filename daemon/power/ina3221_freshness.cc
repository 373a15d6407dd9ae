#include "daemon/power/ina3221_freshness.h"

#include <algorithm>
#include <utility>

namespace synergy {

Ina3221Freshness::Ina3221Freshness(double period_s, double tolerance,
                                   std::vector<double> until_cycle_end_s)
    : period_s_(period_s),
      tolerance_(tolerance),
      until_cycle_end_s_(std::move(until_cycle_end_s)),
      was_read_(until_cycle_end_s_.size(), false),
      last_read_(until_cycle_end_s_.size()) {}

void Ina3221Freshness::OnFlag(bool set, LatchSpan span) {
  if (set && read_flag_) {
    cycle_end_ = {.earliest = last_flag_.earliest, .latest = span.latest};
    seen_flag_ = true;
  }
  last_flag_ = span;
  read_flag_ = true;
}

Freshness Ina3221Freshness::OnRead(size_t index, LatchSpan span, bool changed) {
  const LatchSpan previous = std::exchange(last_read_[index], span);
  const bool has_previous = was_read_[index];
  was_read_[index] = true;
  if (!has_previous || changed) return Freshness::kFresh;
  if (!seen_flag_) return Freshness::kUnknown;
  return Decide(until_cycle_end_s_[index], previous, span);
}

Freshness Ina3221Freshness::Decide(double until_cycle_end_s, LatchSpan previous,
                                   LatchSpan now) const {
  // All in seconds after the earliest possible end of the cycle that is known to have ended.
  const auto since = [this](MonotonicTime t) { return (t - cycle_end_.earliest).seconds(); };
  const double slow = 1.0 + tolerance_, fast = 1.0 - tolerance_;
  const double cycle_end_latest = since(cycle_end_.latest);
  const double now_earliest = since(now.earliest), now_latest = since(now.latest);
  // A chip whose flag stays clear for so long does not convert as it was told to.
  if (now_earliest > cycle_end_latest + 3.0 * period_s_ * slow) return Freshness::kUnknown;
  if (now_earliest - since(previous.latest) >= period_s_ * slow) return Freshness::kFresh;

  // The register's conversions end `until_cycle_end_s` before a cycle's end, and one cycle apart.
  // Three cycles back is before `previous`: a longer distance between the reads was decided above.
  bool possible = false;
  for (int k = -3;; ++k) {
    const double nominal = k * period_s_ - until_cycle_end_s;
    const double earliest = std::min(nominal * slow, nominal * fast);
    const double latest = cycle_end_latest + std::max(nominal * slow, nominal * fast);
    if (earliest > now_latest) break;
    if (earliest > since(previous.latest) && latest <= now_earliest) return Freshness::kFresh;
    if (latest > since(previous.earliest)) possible = true;
  }
  return possible ? Freshness::kUnknown : Freshness::kRepeat;
}

}  // namespace synergy
