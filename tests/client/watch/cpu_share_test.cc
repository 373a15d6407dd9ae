#include "client/watch/cpu_share.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(CpuShare, IsThatOfTheLastTwoSeconds) {
  CpuShare share;
  share.Add(0, 5'000);
  share.Add(kSecond, 500'005'000);
  EXPECT_FALSE(share.cores());
  share.Add(2 * kSecond, 1'000'005'000);
  ASSERT_TRUE(share.cores());
  EXPECT_DOUBLE_EQ(*share.cores(), 0.5);
  share.Add(4 * kSecond, 1'200'005'000);
  EXPECT_DOUBLE_EQ(*share.cores(), 0.1);
}

TEST(CpuShare, BeginsAnewWithAnotherProcess) {
  CpuShare share;
  share.Add(0, 900);
  share.Add(2 * kSecond, 1'000'000'900);
  share.Add(3 * kSecond, 10);
  EXPECT_FALSE(share.cores());
  share.Add(5 * kSecond, 200'000'010);
  EXPECT_DOUBLE_EQ(*share.cores(), 0.1);
}

TEST(CpuShare, IsNotKnownWhereTheProcessSaysNothing) {
  CpuShare share;
  share.Add(0, 0);
  share.Add(2 * kSecond, 0);
  EXPECT_FALSE(share.cores());
}

}  // namespace
}  // namespace synergy
