#include "daemon/jobs/cooling.h"

#include <poll.h>

#include <algorithm>

#include "common/printable.h"
#include "common/spec_validation.h"
#include "fmt/format.h"

namespace synergy {

LetPass UntilCancelled(const CancelToken& cancel) {
  return [&cancel](Nanoseconds span) -> absl::Status {
    pollfd ended = {.fd = cancel.fd(), .events = POLLIN, .revents = 0};
    if (!cancel.cancelled()) poll(&ended, 1, static_cast<int>(span.count / 1'000'000) + 1);
    return cancel.cancelled() ? absl::CancelledError(cancel.reason()) : absl::OkStatus();
  };
}

absl::Status WaitUntilCool(const v1::JobSpec& spec, const Conditions& conditions,
                           const LetPass& let_pass, const ProgressCallback& progress, Clock& clock,
                           Nanoseconds period) {
  const double below = spec.cool_below_c();
  if (below <= 0) return absl::OkStatus();
  const double patience_s =
      spec.cool_timeout_s() > 0 ? spec.cool_timeout_s() : kDefaultCoolTimeoutS;
  const MonotonicTime limit = clock.Now() + Seconds(patience_s);
  while (true) {
    const std::optional<Conditions::Zone> hottest = conditions.Hottest();
    if (!hottest.has_value()) {
      return absl::FailedPreconditionError(
          "this board's temperature cannot be read, so nobody knows when it is cool: leave out "
          "--cool-below");
    }
    if (hottest->celsius < below) return absl::OkStatus();
    const MonotonicTime now = clock.Now();
    if (now >= limit) {
      return absl::DeadlineExceededError(fmt::format(
          "the board did not cool below {:g} C within {:g} s: {} is at {:.1f} C; wait longer "
          "(--cool-timeout), cool it better, or ask for less",
          below, patience_s, Printable(hottest->name, 64), hottest->celsius));
    }
    progress({.phase = v1::PHASE_COOLING,
              .hottest_c = hottest->celsius,
              .waits_for = fmt::format("{} to be below {:g} C; it is at {:.1f} C",
                                       Printable(hottest->name, 64), below, hottest->celsius)});
    if (absl::Status passed = let_pass(std::min(period, limit - now)); !passed.ok()) return passed;
  }
}

}  // namespace synergy
