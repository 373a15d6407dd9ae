#include "daemon/worker/seeded_normal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace synergy {
namespace {

std::vector<float> Fill(uint64_t seed, size_t input, size_t count) {
  std::vector<float> values(count);
  FillSeededNormal(seed, input, values.data(), count);
  return values;
}

TEST(SeededNormal, IsTheSameForTheSameSeed) { EXPECT_EQ(Fill(7, 0, 1000), Fill(7, 0, 1000)); }

TEST(SeededNormal, DiffersBetweenSeedsAndInputs) {
  EXPECT_NE(Fill(7, 0, 10), Fill(8, 0, 10));
  EXPECT_NE(Fill(7, 0, 10), Fill(7, 1, 10));
  EXPECT_NE(Fill(7, 1, 10), Fill(8, 0, 10));
}

TEST(SeededNormal, ShorterInputIsABeginningOfALongerOne) {
  const std::vector<float> longer = Fill(3, 2, 1001);
  const std::vector<float> shorter = Fill(3, 2, 500);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(SeededNormal, OddCountWritesNothingBeyond) {
  std::vector<float> values(4, 99.0f);
  FillSeededNormal(1, 0, values.data(), 3);
  EXPECT_EQ(values[3], 99.0f);
  EXPECT_NE(values[2], 99.0f);
}

// Computed apart, by a few lines of Python from the header's description.
TEST(SeededNormal, FollowsItsDescription) {
  EXPECT_THAT(Fill(42, 0, 4), testing::Pointwise(testing::FloatEq(),
                                                 std::vector<float>{1.4061449766f, -0.401378333f,
                                                                    1.0947531461f, 0.4931237101f}));
  EXPECT_THAT(Fill(42, 1, 2), testing::Pointwise(testing::FloatEq(),
                                                 std::vector<float>{-0.058934595f, 0.1525856554f}));
}

// The mean of n standard normal values is within 5 / sqrt(n) but once in two million seeds; this
// one is fixed.
TEST(SeededNormal, IsStandardNormal) {
  constexpr size_t kCount = 1'000'000;
  const std::vector<float> values = Fill(1, 0, kCount);
  double sum = 0;
  double squares = 0;
  double fourth = 0;
  size_t beyond_two = 0;
  for (const float v : values) {
    const double x = static_cast<double>(v);
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    beyond_two += std::fabs(x) > 2 ? 1 : 0;
  }
  const double n = static_cast<double>(kCount);
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 5 * std::sqrt(96 / n));
  EXPECT_NEAR(static_cast<double>(beyond_two) / n, 0.0455, 5 * std::sqrt(0.0455 * 0.9545 / n));
}

}  // namespace
}  // namespace synergy
