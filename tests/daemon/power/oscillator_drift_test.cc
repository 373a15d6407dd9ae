#include "daemon/power/oscillator_drift.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr MonotonicTime kBegin{5'000'000'000};

TEST(OscillatorDrift, NoneIsTheClock) {
  const OscillatorDrift none;
  EXPECT_EQ(none.ToClock(kBegin), kBegin);
  EXPECT_EQ(none.ToChip(kBegin), kBegin);
}

TEST(OscillatorDrift, NothingMovesBeforeItBegins) {
  const OscillatorDrift drift(kBegin, 10, 0.02);
  EXPECT_EQ(drift.ToClock(kBegin - Seconds(1)), kBegin - Seconds(1));
  EXPECT_EQ(drift.ToChip(kBegin), kBegin);
}

// A millisecond of the chip takes 1.00 ms at first, 1.01 ms half-way, 1.02 ms from the end on.
TEST(OscillatorDrift, ItsTimesGrowEvenlyAndStay) {
  const OscillatorDrift drift(kBegin, 10, 0.02);
  const auto length_us = [&](double at_s) {
    const MonotonicTime from = kBegin + Seconds(at_s);
    return (drift.ToClock(from + Milliseconds(1)) - drift.ToClock(from)).seconds() * 1e6;
  };
  EXPECT_NEAR(length_us(0), 1000, 0.01);
  EXPECT_NEAR(length_us(5), 1010, 0.01);
  EXPECT_NEAR(length_us(10), 1020, 0.01);
  EXPECT_NEAR(length_us(100), 1020, 0.01);
}

TEST(OscillatorDrift, ThereAndBackIsTheSame) {
  for (const double share : {0.02, -0.02, 0.2}) {
    const OscillatorDrift drift(kBegin, 3, share);
    for (double at_s = 0; at_s < 9; at_s += 0.0137) {
      const MonotonicTime chip = kBegin + Seconds(at_s);
      EXPECT_NEAR(static_cast<double>((drift.ToChip(drift.ToClock(chip)) - chip).count), 0, 2);
    }
  }
}

}  // namespace
}  // namespace synergy
