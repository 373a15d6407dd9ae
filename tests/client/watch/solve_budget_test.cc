#include "client/watch/solve_budget.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr MonotonicTime kBegin{Seconds(100).count};

TEST(SolveBudget, WhatCostsLittleComesOnceASecond) {
  SolveBudget budget(kBegin);
  EXPECT_EQ(budget.next(), kBegin);
  budget.Spend(kBegin + Seconds(1), Milliseconds(1), Milliseconds(1));
  EXPECT_EQ(budget.next(), kBegin + Seconds(2));
}

// As squeezenet's: each costs 15 ms a second of the run.
TEST(SolveBudget, ItStaysBelowAFortiethWhileSolutionsBecomeDearer) {
  SolveBudget budget(kBegin);
  Nanoseconds spent;
  int solutions = 0;
  for (MonotonicTime now = kBegin + Seconds(1); now < kBegin + Seconds(60); now = budget.next()) {
    const Nanoseconds cost = Seconds(0.015 * (now - kBegin).seconds());
    spent = spent + cost;
    EXPECT_LE(spent * 40, now - kBegin) << solutions;
    budget.Spend(now, Nanoseconds(), cost);
    ++solutions;
  }
  EXPECT_GE(solutions, 5);
}

TEST(SolveBudget, OneDearStepIsPaidBackAndNotExpectedAgain) {
  SolveBudget budget(kBegin);
  budget.Spend(kBegin + Seconds(40), Seconds(0.9), Milliseconds(20));
  EXPECT_EQ(budget.next(), kBegin + Seconds(48));  // 50 x (0.92 + 2 x 0.02) s
  budget.Spend(budget.next(), Nanoseconds(), Milliseconds(20));
  EXPECT_EQ(budget.next(), kBegin + Seconds(49));
}

TEST(SolveBudget, NumbersAreNotOlderThanHalfAMinuteWhateverWasSpent) {
  SolveBudget budget(kBegin);
  budget.Spend(kBegin + Seconds(10), Seconds(5), Milliseconds(600));
  EXPECT_EQ(budget.next(), kBegin + Seconds(40));
  // But they do not cost more than a 45th of a core either.
  budget.Spend(budget.next(), Nanoseconds(), Seconds(2));
  EXPECT_EQ(budget.next(), kBegin + Seconds(130));
}

}  // namespace
}  // namespace synergy
