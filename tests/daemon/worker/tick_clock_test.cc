// The calibration of stamps by a counter, with counters and clocks that a test makes up.
#include "daemon/worker/tick_clock.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 1'000'000'000'000;

// A counter of 2 GHz.
TickClock::Instant At(int64_t ns, int64_t counter_ahead_ns = 0) {
  return {.ticks = static_cast<uint64_t>(2 * (ns + counter_ahead_ns)), .ns = kStart + ns};
}

// Calibrated until its rate is good for half a second; the last time at 1 s.
TickClock Calibrated() {
  TickClock clock(At(0));
  for (int64_t at = 10; at <= 1000; at += 10) clock.CalibrateAt(At(at * kMs));
  return clock;
}

TEST(TickClock, AGoodCounterGivesTheClocksTime) {
  TickClock clock = Calibrated();
  EXPECT_TRUE(clock.uses_counter());
  ASSERT_TRUE(clock.Fresh(At(1400 * kMs).ticks));
  EXPECT_NEAR(static_cast<double>(clock.At(At(1400 * kMs).ticks) - kStart - 1400 * kMs), 0, 50);
  const auto calibration = clock.CalibrateAt(At(1450 * kMs));
  ASSERT_TRUE(calibration.has_value());
  EXPECT_LT(std::abs(calibration->counter_ns - calibration->clock_ns), 100);
}

TEST(TickClock, AStepOfLessThanAMillisecondEndsTheUseOfTheCounterAndIsTold) {
  for (const int64_t step : {900'000, -900'000, 25'000, -25'000}) {
    TickClock clock = Calibrated();
    const auto calibration = clock.CalibrateAt(At(1400 * kMs, step));
    EXPECT_FALSE(clock.uses_counter());
    EXPECT_FALSE(clock.Fresh(At(1400 * kMs, step).ticks));
    ASSERT_TRUE(calibration.has_value());
    EXPECT_NEAR(static_cast<double>(calibration->counter_ns - calibration->clock_ns),
                static_cast<double>(step), 100);
  }
}

TEST(TickClock, AnErrorWithinTheLimitIsFollowed) {
  TickClock clock = Calibrated();
  clock.CalibrateAt(At(1400 * kMs, 15'000));
  EXPECT_TRUE(clock.uses_counter());
  EXPECT_NEAR(static_cast<double>(clock.At(At(1400 * kMs, 15'000).ticks) - kStart - 1400 * kMs), 0,
              50);
}

TEST(TickClock, ALongTimeWithoutStampsDoesNotMakeAShortlyMeasuredRateAstray) {
  TickClock clock(At(0));
  clock.CalibrateAt(At(5 * kMs, 25));  // 25 ns wrong in 5 ms: 50 us in 10 s
  const auto calibration = clock.CalibrateAt(At(10'000 * kMs, 25));
  EXPECT_TRUE(clock.uses_counter());
  ASSERT_TRUE(calibration.has_value());
  EXPECT_LT(std::abs(calibration->counter_ns - calibration->clock_ns), 1000);
}

TEST(TickClock, StampsStandStillRatherThanGoBackAfterAStepForward) {
  TickClock clock = Calibrated();
  const int64_t ahead = clock.At(At(1400 * kMs, 15'000).ticks);
  clock.CalibrateAt(At(1400 * kMs + 1000, 15'000));
  EXPECT_EQ(clock.At(At(1400 * kMs + 2000, 15'000).ticks), ahead);
}

}  // namespace
}  // namespace synergy
