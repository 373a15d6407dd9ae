#include "daemon/power/line_clock.h"

#include <fmt/format.h>

namespace synergy {

std::string LineClock::Fault(int64_t stamp_ns, MonotonicTime absent, MonotonicTime arrival) {
  if (stamp_ns > arrival.ns) {
    return fmt::format("the time {} is in the future by {:.3g} s", stamp_ns,
                       Nanoseconds{stamp_ns - arrival.ns}.seconds());
  }
  const Nanoseconds lag{absent.ns - stamp_ns};
  if (lag <= kMostLag) return "";
  return fmt::format(
      "the line of the time {} came at least {:.3g} s after that (at most {:.0f} s is well)",
      stamp_ns, lag.seconds(), kMostLag.seconds());
}

void LineClock::Begin(MonotonicTime at) {
  begin_ = at;
  earliest_ = {};
  latest_ = {};
}

void LineClock::OnLine(int64_t stamp_ns, MonotonicTime absent, MonotonicTime arrival) {
  if (!begin_) Begin(arrival);
  earliest_.Add(stamp_ns, absent.ns);
  latest_.Add(stamp_ns, arrival.ns);
  if (arrival < judge_due_) return;
  judge_due_ = arrival + kJudge;
  Judge(arrival);
}

void LineClock::Judge(MonotonicTime now) {
  const Nanoseconds span = now - *begin_;
  if (span < kShortest) return;
  late_ns_ = earliest_.LeastLag(0, now.ns).value_or(0);
  const int64_t quarter_ns = span.count / 4;
  const std::optional<int64_t> early_ns = latest_.LeastLag(begin_->ns, begin_->ns + quarter_ns);
  const std::optional<int64_t> late_ns = earliest_.LeastLag(now.ns - quarter_ns, now.ns);
  if (!early_ns || !late_ns) return;
  const Nanoseconds grown{*late_ns - *early_ns}, over = span - Nanoseconds{quarter_ns};
  if (grown > kUnsure && grown.seconds() > kMostGrowth * over.seconds()) {
    wrong_ = fmt::format(
        "its lines came {:.3g} s after their times, and {:.3g} s later {:.3g} s after them: its "
        "clock is slow or was set back, or it prints ever later",
        Nanoseconds{*early_ns}.seconds(), over.seconds(), Nanoseconds{*late_ns}.seconds());
    Begin(now);
  } else if (span >= kWindow) {
    wrong_.clear();
    Begin(now);
  }
}

std::optional<Nanoseconds> LineClock::late() const {
  if (late_ns_ < kLate.count) return std::nullopt;
  return Nanoseconds{late_ns_};
}

}  // namespace synergy
