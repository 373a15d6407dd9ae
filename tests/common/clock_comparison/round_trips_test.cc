#include "common/clock_comparison/round_trips.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace synergy {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(FeasibleLines, KnowsNothingBeforeThereIsABoundOnEitherSide) {
  FeasibleLines lines(1e-3);
  EXPECT_FALSE(lines.At(0).has_value());
  EXPECT_TRUE(lines.AtMost(0, 10));
  EXPECT_FALSE(lines.At(0).has_value());
  EXPECT_TRUE(lines.AtLeast(0, -10));
  ASSERT_TRUE(lines.At(0).has_value());
  EXPECT_NEAR(lines.At(0)->low_ns, -10, 1e-3);
  EXPECT_NEAR(lines.At(0)->high_ns, 10, 1e-3);
}

TEST(FeasibleLines, WidensByTheLargestDriftWithDistance) {
  FeasibleLines lines(1e-4);
  lines.AtMost(0, 10);
  lines.AtLeast(0, -10);
  EXPECT_NEAR(lines.At(kSecond)->half_width_ns(), 100'010, 1);
}

TEST(FeasibleLines, IsTheLineWhereTwoPointsFixIt) {
  FeasibleLines lines(1e-3);
  for (const int64_t x : {int64_t{0}, 10 * kSecond}) {
    const int64_t y = 5'000 + x / 100'000;  // 10 ppm
    EXPECT_TRUE(lines.AtMost(x, y));
    EXPECT_TRUE(lines.AtLeast(x, y));
  }
  EXPECT_NEAR(lines.At(5 * kSecond)->middle_ns(), 5'000 + 50'000, 1);
  EXPECT_NEAR(lines.At(5 * kSecond)->half_width_ns(), 0, 1);
  EXPECT_NEAR(lines.Drift()->middle_ns(), 1e-5, 1e-9);
}

TEST(FeasibleLines, RefusesWhatLeavesNoLineAndKeepsTheOthers) {
  FeasibleLines lines(1e-3);
  lines.AtMost(0, 10);
  lines.AtLeast(0, 0);
  EXPECT_FALSE(lines.AtLeast(0, 20));
  EXPECT_NEAR(lines.At(0)->high_ns, 10, 1e-3);
}

struct Wire {
  double drift_ppm = 0;
  int64_t offset_ns = 0;
  double slowest_s = 0.01;
  std::mt19937_64 random{1};

  int64_t There(int64_t here) const {
    return here + offset_ns + std::llround(static_cast<double>(here) * drift_ppm * 1e-6);
  }
  RoundTrip Trip(int64_t sent) {
    std::exponential_distribution<double> delay(1 / (slowest_s / 5));
    const auto some = [&] { return 20'000 + static_cast<int64_t>(delay(random) * 1e9); };
    const int64_t at = sent + some(), left = at + 5'000;
    return {sent, There(at), There(left), left + some()};
  }
};

TEST(RoundTrips, HoldTheTrueOffsetInEveryCase) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    Wire wire;
    wire.random.seed(static_cast<uint64_t>(round));
    wire.drift_ppm = std::uniform_real_distribution<double>(-100, 100)(random);
    wire.offset_ns =
        std::uniform_int_distribution<int64_t>(-36'000 * kSecond, 36'000 * kSecond)(random);
    RoundTrips trips;
    for (int second = 0; second < 30; ++second) {
      for (int i = 0; i < 5; ++i) trips.Add(wire.Trip(second * kSecond + i * 30'000'000));
    }
    EXPECT_EQ(trips.breaks(), 0u);
    for (const int64_t at : {int64_t{0}, 7 * kSecond, 15 * kSecond, 29 * kSecond}) {
      const auto range = trips.OffsetAt(at);
      ASSERT_TRUE(range.has_value());
      const auto truth = static_cast<double>(wire.There(at) - at);
      EXPECT_LE(range->low_ns, truth + 2);
      EXPECT_GE(range->high_ns, truth - 2);
      EXPECT_LT(range->half_width_ns(), 600'000);  // of trips of 4 ms on average
    }
  }
}

TEST(RoundTrips, BoundIsHalfOfTheQuickestTripWhereTheClocksRunAlike) {
  RoundTrips trips;
  trips.Add({0, 1'000, 1'000, 2'000});
  EXPECT_NEAR(trips.OffsetAt(1'000)->middle_ns(), 0, 1);
  EXPECT_NEAR(trips.OffsetAt(1'000)->half_width_ns(), 1'000, 3);
}

TEST(RoundTrips, BeginAnewWhereAClockWasStepped) {
  Wire wire;
  RoundTrips trips;
  for (int i = 0; i < 10; ++i) trips.Add(wire.Trip(i * kSecond));
  wire.offset_ns = 50'000'000;
  for (int i = 20; i < 30; ++i) trips.Add(wire.Trip(i * kSecond));
  EXPECT_EQ(trips.breaks(), 1u);
  EXPECT_NEAR(trips.OffsetAt(5 * kSecond)->middle_ns(), 0, 5e6);
  EXPECT_NEAR(trips.OffsetAt(25 * kSecond)->middle_ns(), 50e6, 5e6);
  // Between them both are possible.
  EXPECT_LT(trips.OffsetAt(15 * kSecond)->low_ns, 5e6);
  EXPECT_GT(trips.OffsetAt(15 * kSecond)->high_ns, 45e6);
}

TEST(RoundTrips, DoNotTakeWhatCannotBe) {
  RoundTrips trips;
  trips.Add({100, 0, 0, 50});
  trips.Add({0, 100, 50, 100});
  trips.Add({0, 0, 1'000, 100});
  EXPECT_EQ(trips.count(), 0u);
  EXPECT_FALSE(trips.OffsetAt(0).has_value());
}

}  // namespace
}  // namespace synergy
