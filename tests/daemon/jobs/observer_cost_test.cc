#include "daemon/jobs/observer_cost.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

ObserverCounts Before() {
  return {.at = MonotonicTime{1'000'000'000},
          .daemon = {.pid = 10, .cpu_s = 5, .wakeups = 1000},
          .front = ProcessUsage{.pid = 11, .cpu_s = 2, .wakeups = 300, .bytes_read = 4000},
          .transfers = 70'000,
          .bytes_written = 900};
}

ObserverCounts After() {
  return {.at = MonotonicTime{3'500'000'000},
          .daemon = {.pid = 10, .cpu_s = 5.25, .wakeups = 1400},
          .front = ProcessUsage{.pid = 11, .cpu_s = 2.125, .wakeups = 350, .bytes_read = 9000},
          .transfers = 72'500,
          .bytes_written = 10'900};
}

TEST(ObserverCost, IsWhatWasCountedInBetween) {
  const v1::ObserverCost cost = CostBetween(Before(), After());
  EXPECT_DOUBLE_EQ(cost.time_s(), 2.5);
  EXPECT_DOUBLE_EQ(cost.cpu_s(), 0.375);
  EXPECT_EQ(cost.wakeups(), 450u);
  EXPECT_EQ(cost.bus_transfers(), 2500u);
  EXPECT_EQ(cost.bytes_written(), 10'000u);
  EXPECT_EQ(cost.bytes_sent(), 5000u);
}

TEST(ObserverCost, AFrontThatWasStartedInBetweenCountsFromItsStart) {
  ObserverCounts after = After();
  after.front->pid = 12;
  const v1::ObserverCost cost = CostBetween(Before(), after);
  EXPECT_DOUBLE_EQ(cost.cpu_s(), 0.25 + 2.125);
  EXPECT_EQ(cost.wakeups(), 400u + 350u);
  EXPECT_EQ(cost.bytes_sent(), 9000u);
}

TEST(ObserverCost, IsTheDaemonsWhereNoFrontLives) {
  ObserverCounts after = After();
  after.front.reset();
  const v1::ObserverCost cost = CostBetween(Before(), after);
  EXPECT_DOUBLE_EQ(cost.cpu_s(), 0.25);
  EXPECT_EQ(cost.wakeups(), 400u);
  EXPECT_EQ(cost.bytes_sent(), 0u);
}

TEST(ObserverCost, CountsThatFellBecauseAThreadEndedAreNone) {
  ObserverCounts after = After();
  after.front->wakeups = 200;
  EXPECT_EQ(CostBetween(Before(), after).wakeups(), 400u);
}

}  // namespace
}  // namespace synergy
