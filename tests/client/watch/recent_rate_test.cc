#include "client/watch/recent_rate.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(RecentRate, IsThatOfTheLastTwoSeconds) {
  RecentRate share;
  share.Add(0, 5'000);
  share.Add(kSecond, 500'005'000);
  EXPECT_FALSE(share.per_ns());
  share.Add(2 * kSecond, 1'000'005'000);
  ASSERT_TRUE(share.per_ns());
  EXPECT_DOUBLE_EQ(*share.per_ns(), 0.5);
  share.Add(4 * kSecond, 1'200'005'000);
  EXPECT_DOUBLE_EQ(*share.per_ns(), 0.1);
}

TEST(RecentRate, BeginsAnewWithAnotherProcess) {
  RecentRate share;
  share.Add(0, 900);
  share.Add(2 * kSecond, 1'000'000'900);
  share.Add(3 * kSecond, 10);
  EXPECT_FALSE(share.per_ns());
  share.Add(5 * kSecond, 200'000'010);
  EXPECT_DOUBLE_EQ(*share.per_ns(), 0.1);
}

TEST(RecentRate, IsNotKnownWhereTheProcessSaysNothing) {
  RecentRate share;
  share.Add(0, 0);
  share.Add(2 * kSecond, 0);
  EXPECT_FALSE(share.per_ns());
}

}  // namespace
}  // namespace synergy
