#include "common/clock.h"

#include <cerrno>
#include <ctime>

namespace synergy {
namespace {

class SystemClock final : public Clock {
 public:
  MonotonicTime Now() override {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return {static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec};
  }

  void SleepUntil(MonotonicTime deadline) override {
    const timespec t{.tv_sec = static_cast<time_t>(deadline.ns / 1'000'000'000),
                     .tv_nsec = static_cast<long>(deadline.ns % 1'000'000'000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {
    }
  }
};

}  // namespace

Clock& RealClock() {
  static SystemClock* const clock =
      new SystemClock;  // never destroyed: threads may outlive main's statics
  return *clock;
}

}  // namespace synergy
