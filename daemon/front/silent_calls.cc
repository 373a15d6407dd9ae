#include "daemon/front/silent_calls.h"

#include <utility>

#include "absl/time/time.h"

namespace synergy {

SilentCalls::SilentCalls(Nanoseconds patience) : patience_(patience), thread_([this] { Run(); }) {}

SilentCalls::~SilentCalls() {
  const absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

SilentCalls::Wait::Wait(SilentCalls& calls, std::function<void()> end)
    : calls_(calls), end_(std::move(end)), since_(RealClock().Now()) {
  const absl::MutexLock lock(&calls_.mutex_);
  calls_.waits_.insert(this);
}

SilentCalls::Wait::~Wait() {
  const absl::MutexLock lock(&calls_.mutex_);
  calls_.waits_.erase(this);
}

void SilentCalls::Run() {
  const absl::MutexLock lock(&mutex_);
  while (true) {
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), absl::Nanoseconds(patience_.count / 4));
    if (stopping_) return;
    const MonotonicTime now = RealClock().Now();
    for (Wait* wait : waits_) {
      if (wait->end_ && now - wait->since_ > patience_) std::exchange(wait->end_, nullptr)();
    }
  }
}

}  // namespace synergy
