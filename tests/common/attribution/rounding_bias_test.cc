#include "common/attribution/rounding_bias.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace synergy {
namespace {

TEST(MeanRounding, IsTheMeanOfRoundedValues) {
  EXPECT_NEAR(MeanRounding(7.25, 0), -0.25, 0.02);
  EXPECT_NEAR(MeanRounding(-7.25, 0), 0.25, 0.02);
  EXPECT_NEAR(MeanRounding(7.3, 0.6), 0, 0.001);
  std::mt19937_64 random(2);
  std::normal_distribution<double> noise(0, 0.15);
  for (const double steps : {0.1, 0.4, 0.5, 2.7}) {
    double off = 0;
    constexpr int kReadings = 100'000;
    for (int i = 0; i < kReadings; ++i) off += std::round(steps + noise(random)) - steps;
    EXPECT_NEAR(MeanRounding(steps, 0.15), off / kReadings, 0.006) << steps;
  }
}

TEST(RoundingBias, IsThatOfOneReadingWhereAllAreTheSame) {
  RoundingBias bias;
  for (int i = 0; i < 100; ++i) bias.Add(26.4);
  EXPECT_NEAR(bias.Variance(0), 1.0 / 12, 0.012);
}

TEST(RoundingBias, IsNoneWhereReadingsOrNoiseAreSpreadOverSteps) {
  RoundingBias even, same;
  for (int i = 0; i < 1000; ++i) {
    even.Add(3 + 0.001 * i);
    same.Add(-7.2);
  }
  EXPECT_NEAR(even.Variance(0), 0, 1e-9);
  EXPECT_LT(same.Variance(0.5), 1e-5);
}

TEST(RoundingBias, IsTheVarianceOfTheMeansOfRoundedReadings) {
  // Swinging by a quarter of a step with 0.1 steps of noise, anywhere in a step.
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> even(0, 1);
  std::normal_distribution<double> noise(0, 0.1);
  constexpr int kPlaces = 400, kReadings = 400;
  double squares = 0;
  RoundingBias bias;
  for (int place = 0; place < kPlaces; ++place) {
    const double base = even(random);
    double off = 0;
    for (int i = 0; i < kReadings; ++i) {
      const double steps = base + 0.25 * std::sin(i);
      off += std::round(steps + noise(random)) - steps;
      if (place == 0) bias.Add(steps);
    }
    squares += std::pow(off / kReadings, 2);
  }
  EXPECT_NEAR(std::sqrt(bias.Variance(0.1)) / std::sqrt(squares / kPlaces), 1, 0.1);
}

TEST(RoundingBias, OfTwoPartsIsThatOfBoth) {
  RoundingBias first, second;
  first.Add(0.0);
  second.Add(0.5);
  first.Add(second);
  RoundingBias both;
  both.Add(0.0);
  both.Add(0.5);
  EXPECT_DOUBLE_EQ(first.Variance(0), both.Variance(0));
  EXPECT_LT(both.Variance(0), 0.03) << "half a step apart, one's error is the other's";
}

}  // namespace
}  // namespace synergy
