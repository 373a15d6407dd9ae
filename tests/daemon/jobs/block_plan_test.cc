#include "daemon/jobs/block_plan.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/spec_validation.h"

namespace synergy {
namespace {

constexpr double kForEver = 1e9;

BlockGoal Goal(double target, uint32_t least = 50, double max_s = kForEver) {
  return {.target = target, .least = least, .max_s = max_s};
}

TEST(BlockPlan, TheFirstBlockIsTheLeastNumberOfIterations) {
  EXPECT_EQ(BlockPlan(Goal(0.02), 0.1).Next(0), 50u);
}

TEST(BlockPlan, TheFirstBlockTakesASecondAtLeast) {
  EXPECT_EQ(BlockPlan(Goal(0.02), 0.001).Next(0), 1000u);
}

TEST(BlockPlan, EndsWhenTheTargetIsReached) {
  BlockPlan plan(Goal(0.02), 0.1);
  plan.Measured(50, 5);
  plan.Found(0.02, 0.1);
  EXPECT_EQ(plan.Next(5.1), 0u);
}

TEST(BlockPlan, DoublesWhileMuchIsMissing) {
  BlockPlan plan(Goal(0.01), 0.1);
  plan.Measured(50, 5);
  plan.Found(0.10, 0.1);
  EXPECT_EQ(plan.Next(5.1), 50u);
  plan.Measured(50, 5);
  plan.Found(0.07, 0.1);
  EXPECT_EQ(plan.Next(10.2), 100u);
}

TEST(BlockPlan, PlansWhatTheSquareRootSaysIsMissingAndATenthMore) {
  BlockPlan plan(Goal(0.02), 0.1);
  plan.Measured(400, 40);
  plan.Found(0.025, 0.1);  // 400 (0.025 / 0.02)^2 = 625 are needed
  EXPECT_EQ(plan.Next(40.1), static_cast<uint32_t>(std::ceil(1.1 * 225)));
}

TEST(BlockPlan, ABlockIsAtLeastAQuarterOfAllBeforeIt) {
  BlockPlan plan(Goal(0.02), 0.1);
  plan.Measured(400, 40);
  plan.Found(0.0201, 0.1);
  EXPECT_EQ(plan.Next(40.1), 100u);
}

TEST(BlockPlan, WidthsThatShrinkWithTheSquareRootReachTheTargetInFewDecisions) {
  for (const double first : {0.021, 0.05, 0.2, 0.24}) {
    BlockPlan plan(Goal(0.02), 0.1);
    double elapsed_s = 0;
    int decisions = 0;
    while (const uint32_t count = plan.Next(elapsed_s)) {
      elapsed_s += 0.1 * count;
      plan.Measured(count, 0.1 * count);
      plan.Found(first * std::sqrt(50.0 / plan.iterations()), 0.1);
      ++decisions;
    }
    const double needed = std::max(50.0, 50 * (first / 0.02) * (first / 0.02));
    EXPECT_GE(plan.iterations(), needed);
    EXPECT_LE(plan.iterations(), 1.27 * needed + 1);
    EXPECT_LE(decisions, 11);
  }
}

TEST(BlockPlan, NoBlockIsBegunThatWouldEndAfterTheTime) {
  BlockPlan plan(Goal(0.02, 50, 12), 0.1);
  plan.Measured(50, 5);
  plan.Found(0.2, 0.5);
  // 6.5 s are left, of which the decision takes twice what the last one took.
  EXPECT_EQ(plan.Next(5.5), 50u);
  plan.Measured(50, 5);
  plan.Found(0.15, 1);
  EXPECT_EQ(plan.Next(11.5), 0u);
}

TEST(BlockPlan, AShorterBlockFillsTheTimeWhereItChangesSomething) {
  BlockPlan plan(Goal(0.02, 50, 8), 0.1);
  plan.Measured(50, 5);
  plan.Found(0.2, 0);
  EXPECT_EQ(plan.Next(6.05), 19u);
  EXPECT_EQ(plan.Next(7.85), 0u) << "1 iteration after 50 changes nothing";
}

TEST(BlockPlan, TheFirstBlockIsShorterWhereTheTimeIs) {
  EXPECT_EQ(BlockPlan(Goal(0.02, 50, 2), 0.1).Next(0), 20u);
  EXPECT_EQ(BlockPlan(Goal(0.02, 50, 0.01), 0.1).Next(0), 1u) << "something is measured always";
}

TEST(BlockPlan, GivesUpWhenNothingIsKnownThreeTimes) {
  BlockPlan plan(Goal(0.02), 0.1);
  double elapsed_s = 0;
  for (const uint32_t expected : {50u, 50u, 100u, 0u}) {
    const uint32_t count = plan.Next(elapsed_s);
    ASSERT_EQ(count, expected);
    if (count == 0) break;
    elapsed_s += 0.1 * count;
    plan.Measured(count, 0.1 * count);
    plan.Found(std::nullopt, 0);
  }
  EXPECT_EQ(plan.iterations(), 200u);
}

TEST(BlockPlan, NeverMeasuresMoreThanCanBeMeasured) {
  BlockPlan plan(Goal(1e-4, kMaxIterations - 10), 1e-6);
  plan.Measured(kMaxIterations - 10, 10);
  plan.Found(0.2, 0);
  EXPECT_EQ(plan.Next(10), 10u);
  plan.Measured(10, 1e-5);
  plan.Found(0.2, 0);
  EXPECT_EQ(plan.Next(10), 0u);
}

}  // namespace
}  // namespace synergy
