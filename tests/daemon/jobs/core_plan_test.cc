#include "daemon/jobs/core_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <latch>
#include <thread>

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CorePlan, TheJobGetsTheLastCpusAndTheDaemonTheOthers) {
  const CorePlan plan = PlanCores({0, 1, 4, 5}, 2);
  EXPECT_THAT(plan.job, ElementsAre(4, 5));
  EXPECT_THAT(plan.daemon, ElementsAre(0, 1));
}

TEST(CorePlan, AJobThatNeedsEveryCpuSharesThemAll) {
  for (const uint32_t threads : {2u, 3u}) {
    const CorePlan plan = PlanCores({0, 1}, threads);
    EXPECT_THAT(plan.job, IsEmpty());
    EXPECT_THAT(plan.daemon, IsEmpty());
  }
}

TEST(CorePlan, PinsEveryThreadOfAProcess) {
  const std::vector<int> all = AvailableCpus();
  ASSERT_FALSE(all.empty());
  std::latch pinned(1);
  std::vector<int> seen;
  std::thread other([&] {
    pinned.wait();
    seen = AvailableCpus();
  });
  ASSERT_TRUE(PinProcess(getpid(), {all.front()}).ok());
  pinned.count_down();
  other.join();
  EXPECT_THAT(seen, ElementsAre(all.front()));
  EXPECT_THAT(AvailableCpus(), ElementsAre(all.front()));
  ASSERT_TRUE(PinProcess(getpid(), all).ok());
  EXPECT_EQ(AvailableCpus(), all);
}

TEST(CorePlan, PinningToACpuThatIsNotThereFails) {
  EXPECT_FALSE(PinProcess(getpid(), {1000}).ok());
}

}  // namespace
}  // namespace synergy
