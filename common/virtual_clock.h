// Time that passes only where somebody waits for it.
#pragma once

#include <atomic>

#include "common/clock.h"

namespace synergy {

// Time stands still but for Advance and SleepUntil, which sets the clock to its deadline and
// returns at once. Thread-safe; deterministic as long as one thread at a time sleeps on it.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(MonotonicTime start = {1'000'000'000'000}) : now_ns_(start.ns) {}

  MonotonicTime Now() override { return {now_ns_.load()}; }
  void SleepUntil(MonotonicTime deadline) override {
    int64_t now = now_ns_.load();
    while (now < deadline.ns && !now_ns_.compare_exchange_weak(now, deadline.ns)) {
    }
  }
  void Advance(Nanoseconds span) { now_ns_ += span.count; }

 private:
  std::atomic<int64_t> now_ns_;
};

}  // namespace synergy
