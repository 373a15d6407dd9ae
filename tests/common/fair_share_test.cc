#include "common/fair_share.h"

#include <gtest/gtest.h>

#include <vector>

namespace synergy {
namespace {

// What clients get that come one after the other and take all they can.
std::vector<uint64_t> Greedy(uint64_t all, size_t clients) {
  std::vector<uint64_t> shares(clients);
  for (uint64_t& own : shares) {
    while (all > 0 && LeavesAShare(own + 1, all - 1)) {
      ++own;
      --all;
    }
  }
  return shares;
}

TEST(FairShare, OneThatIsAloneGetsTwoThirdsAndOthersFindSome) {
  EXPECT_EQ(Greedy(60, 1), std::vector<uint64_t>({40}));
  EXPECT_EQ(Greedy(60, 4), std::vector<uint64_t>({40, 13, 4, 2}));
}

TEST(FairShare, WhoHasNoneGetsTheLastOne) {
  EXPECT_TRUE(LeavesAShare(1, 0));
  EXPECT_FALSE(LeavesAShare(2, 0));
  EXPECT_EQ(Greedy(3, 2), std::vector<uint64_t>({2, 1}));
}

TEST(FairShare, LargeNumbersDoNotOverflow) {
  EXPECT_FALSE(LeavesAShare(UINT64_MAX, UINT64_MAX / 2));
  EXPECT_TRUE(LeavesAShare(UINT64_MAX - 1, UINT64_MAX / 2));
}

}  // namespace
}  // namespace synergy
