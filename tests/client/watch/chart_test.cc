#include "client/watch/chart.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

std::optional<PowerSpan> Between(double min_w, double max_w) {
  return PowerSpan{min_w, (min_w + max_w) / 2, max_w, 1, 1};
}

using Lines = std::vector<std::string>;

TEST(Chart, BrailleHasTwoValuesAndFourHeightsInACharacter) {
  // 0 W is the lowest dot, 10 W the highest of eight.
  EXPECT_EQ(PowerChart({Between(0, 0), std::nullopt}, 10, 1, 2, true), Lines({" ", "\u2840"}));
  EXPECT_EQ(PowerChart({std::nullopt, Between(10, 10)}, 10, 1, 2, true), Lines({"\u2808", " "}));
}

TEST(Chart, ValuesBesideEachOtherAreJoined) {
  EXPECT_EQ(PowerChart({Between(0, 0), Between(10, 10)}, 10, 1, 2, true),
            Lines({"\u28b8", "\u2878"}));
  EXPECT_EQ(PowerChart({Between(10, 10), Between(0, 0)}, 10, 1, 2, true),
            Lines({"\u28b1", "\u28b8"}));
}

TEST(Chart, ValueIsDrawnFromItsLeastToItsMost) {
  EXPECT_EQ(PowerChart({Between(0, 10), std::nullopt}, 10, 1, 1, true), Lines({"\u2847"}));
}

TEST(Chart, AsciiHasTwoHeightsInACharacter) {
  EXPECT_EQ(
      PowerChart({Between(1, 1), Between(9, 9), Between(1, 9), std::nullopt}, 10, 4, 1, false),
      Lines({".': "}));
}

TEST(Chart, ScaleIsTheNextRoundNumber) {
  EXPECT_DOUBLE_EQ(ScaleFor(0), 0.1);
  EXPECT_DOUBLE_EQ(ScaleFor(3.2), 5);
  EXPECT_DOUBLE_EQ(ScaleFor(5), 5);
  EXPECT_DOUBLE_EQ(ScaleFor(11), 20);
}

TEST(Chart, BarIsFullUpToItsIntervalsBegin) {
  EXPECT_EQ(IntervalBar(3, 5, 10, 10, false), "===--");
  EXPECT_EQ(IntervalBar(3, 5, 10, 10, true), "\u2588\u2588\u2588\u2592\u2592");
  EXPECT_EQ(IntervalBar(-1, 1, 10, 10, false), "-");
  EXPECT_EQ(IntervalBar(0, 0, 0, 10, false), "");
}

}  // namespace
}  // namespace synergy
