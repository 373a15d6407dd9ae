#include "common/iteration_pause.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace synergy {
namespace {

TEST(IterationPause, IsAFunctionOfSeedAndIteration) {
  const Nanoseconds longest = Milliseconds(2);
  EXPECT_EQ(PauseBefore(7, 3, longest).count, PauseBefore(7, 3, longest).count);
  EXPECT_NE(PauseBefore(7, 3, longest).count, PauseBefore(7, 4, longest).count);
  EXPECT_NE(PauseBefore(7, 3, longest).count, PauseBefore(8, 3, longest).count);
}

TEST(IterationPause, IsDrawnEvenlyUpToTheLongest) {
  const Nanoseconds longest = Milliseconds(2);
  double sum = 0;
  int64_t most = 0;
  constexpr uint32_t kDraws = 10'000;
  for (uint32_t i = 0; i < kDraws; ++i) {
    const Nanoseconds pause = PauseBefore(1, i, longest);
    ASSERT_GE(pause.count, 0);
    most = std::max(most, pause.count);
    sum += static_cast<double>(pause.count);
  }
  EXPECT_LE(most, longest.count);
  EXPECT_GT(most, longest.count * 99 / 100);
  // 5 standard deviations of the mean of so many even draws.
  EXPECT_NEAR(sum / kDraws, 1e6, 5 * 2e6 / std::sqrt(12.0 * kDraws));
}

TEST(IterationPause, IsNoneWithoutALongest) {
  EXPECT_EQ(PauseBefore(1, 1, Nanoseconds{0}).count, 0);
}

}  // namespace
}  // namespace synergy
