#include "client/commands/interrupts.h"

#include <semaphore>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/job_interrupt.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::ElementsAre;

bool Blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

TEST(Interrupts, CountsBothSignalsOnAThreadOfItsOwn) {
  std::vector<int> counts;
  std::counting_semaphore<> called(0);
  {
    const Interrupts interrupts([&](int nth) {
      counts.push_back(nth);
      called.release();
    });
    EXPECT_TRUE(Blocked(SIGINT));
    for (const int signal : {SIGINT, SIGTERM, SIGINT}) {
      kill(getpid(), signal);
      called.acquire();
    }
  }
  EXPECT_THAT(counts, ElementsAre(1, 2, 3));
  EXPECT_FALSE(Blocked(SIGINT)) << "the mask is put back";
}

TEST(Interrupts, TakesOtherSignalsWhereTheyAreWanted) {
  std::binary_semaphore called(0);
  const Interrupts interrupts([&](int) { called.release(); }, {SIGQUIT});
  EXPECT_FALSE(Blocked(SIGINT));
  kill(getpid(), SIGQUIT);
  called.acquire();
}

TEST(Interrupts, EndsWithoutASignal) {
  const Interrupts interrupts([](int) { ADD_FAILURE() << "nobody sent one"; });
}

TEST(JobInterrupt, BeforeThereIsAJobTheFirstSignalIsKeptAndTheSecondStops) {
  JobInterrupt interrupt;
  EXPECT_FALSE(interrupt.interrupted());
  interrupt.OnSignal(1);
  EXPECT_TRUE(interrupt.interrupted());
  EXPECT_TRUE(interrupt.first().stop_requested());
  EXPECT_FALSE(interrupt.token().stop_requested());
  interrupt.OnSignal(2);
  EXPECT_TRUE(interrupt.token().stop_requested());
}

TEST(JobInterruptDeathTest, TheThirdSignalEndsTheProcess) {
  JobInterrupt interrupt;
  EXPECT_EXIT(interrupt.OnSignal(3), testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace synergy
