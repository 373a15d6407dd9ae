#include "daemon/front/call_rate.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

TEST(CallRate, GrantsSomeAtOnceAndTheRestInTime) {
  FakeClock clock;
  CallRate rate(10, 3, clock);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.Admit("a"));
  EXPECT_FALSE(rate.Admit("a"));
  EXPECT_TRUE(rate.Admit("b")) << "of each client by itself";
  clock.Advance(Milliseconds(100));
  EXPECT_TRUE(rate.Admit("a"));
  EXPECT_FALSE(rate.Admit("a"));
  clock.Advance(Seconds(60));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.Admit("a"));
  EXPECT_FALSE(rate.Admit("a"));
}

}  // namespace
}  // namespace synergy
