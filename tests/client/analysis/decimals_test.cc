#include "client/analysis/decimals.h"

#include <gtest/gtest.h>

#include <limits>

namespace synergy {
namespace {

TEST(Decimals, TwoDigitsOfTheHalfWidthAreShown) {
  EXPECT_EQ(DecimalsOf(157.9, 12.3), 0);
  EXPECT_EQ(DecimalsOf(157.9, 1.23), 1);
  EXPECT_EQ(DecimalsOf(157.9, 0.00045), 5);
  EXPECT_EQ(DecimalsOf(157.9, 1.23, 3), 1);
  EXPECT_EQ(DecimalsOf(1579, 157.9, 3), 0);
}

TEST(Decimals, WhatHasNoHalfWidthHasThatOfUnknownOnes) {
  EXPECT_EQ(DecimalsOf(16, 0, 3), 3);
  EXPECT_EQ(DecimalsOf(16, 3e-15, 3), 3) << "the rounding of a sum";
  EXPECT_EQ(DecimalsOf(16, std::numeric_limits<double>::infinity(), 3), 3);
  EXPECT_EQ(DecimalsOf(0, 1e-30), 9);
}

}  // namespace
}  // namespace synergy
