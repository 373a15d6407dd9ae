#include "daemon/worker/tick_clock.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

namespace synergy {

int64_t MonotonicNs() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

bool CounterIsTrusted() {
#if defined(__x86_64__)
  constexpr const char* kSource = "tsc";
#elif defined(__aarch64__)
  constexpr const char* kSource = "arch_sys_counter";
#else
  constexpr const char* kSource = "none";
#endif
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  return static_cast<bool>(file >> source) && source == kSource;
}

TickClock::TickClock(bool use_counter) : use_counter_(use_counter) { Calibrate(); }

// The closest of a few readings: an interrupt between the two would shift them apart.
TickClock::Instant TickClock::ReadBoth() {
  Instant best = {0, 0};
  uint64_t best_span = ~uint64_t{0};
  for (int i = 0; i < 4; ++i) {
    const uint64_t before = ReadCounter();
    const int64_t ns = MonotonicNs();
    const uint64_t span = ReadCounter() - before;
    if (span < best_span) {
      best_span = span;
      best = {before + span / 2, ns};
    }
  }
  return best;
}

// Over the longest span yet, up to half a second; then over fresh ones, so that the rate follows
// the clock where that is being slewed. A rate is trusted for four times the span that it was
// measured over: its two readings are within some 20 ns, so stamps stay within some 200 ns.
void TickClock::UpdateRate(const Instant& now) {
  const int64_t span_ns = now.ns - anchor_->ns;
  if (span_ns < kMinBaselineNs || span_ns < baseline_ns_ || now.ticks <= anchor_->ticks) return;
  __extension__ using Wide = unsigned __int128;
  ns_per_tick_ = static_cast<uint64_t>((static_cast<Wide>(span_ns) << kFraction) /
                                       (now.ticks - anchor_->ticks));
  baseline_ns_ = std::min(span_ns, kIntervalNs);
  const int64_t valid_ns = std::min(4 * baseline_ns_, kIntervalNs);
  valid_ticks_ = static_cast<uint64_t>((static_cast<Wide>(valid_ns) << kFraction) / ns_per_tick_);
  if (span_ns >= kIntervalNs) anchor_ = now;
}

std::optional<TickClock::Calibration> TickClock::Calibrate() {
  if (!use_counter_) return std::nullopt;
  return CalibrateAt(ReadBoth());
}

// Stamps end with the rate's validity: where a calibration comes later than that (a long operator,
// a pause between blocks), what a wrong rate has made of the whole time counts only for that part.
int64_t TickClock::ErrorOfStamps(const Instant& now) const {
  __extension__ using Wide = __int128;
  const uint64_t ticks = now.ticks - base_.ticks;
  const auto elapsed = static_cast<int64_t>((static_cast<Wide>(ticks) * ns_per_tick_) >> kFraction);
  const int64_t error = base_.ns + elapsed - now.ns;
  if (ticks <= valid_ticks_) return error;
  return static_cast<int64_t>(static_cast<Wide>(error) * valid_ticks_ / ticks);
}

std::optional<TickClock::Calibration> TickClock::CalibrateAt(const Instant& now) {
  std::optional<Calibration> result;
  if (baseline_ns_ > 0) {
    const int64_t error = ErrorOfStamps(now);
    result = {.clock_ns = now.ns, .counter_ns = now.ns + error};
    if (std::abs(error) > kMaxErrorNs) {
      use_counter_ = false;
      valid_ticks_ = 0;
      return result;
    }
  }
  base_ = now;
  if (!anchor_.has_value()) anchor_ = now;
  UpdateRate(now);
  return result;
}

}  // namespace synergy
