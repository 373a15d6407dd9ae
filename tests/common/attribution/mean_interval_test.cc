#include "common/attribution/mean_interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace synergy {
namespace {

// The probability between -t and t: independent of how the quantile is computed. With x = sqrt(n)
// tan(u) the density times dx is c cos(u)^(n-1) du, smooth on a finite interval, where Simpson's
// rule is exact enough.
double Within(double t, double n) {
  const double c =
      std::exp(std::lgamma((n + 1) / 2) - std::lgamma(n / 2)) / std::sqrt(std::numbers::pi);
  const double end = std::atan(t / std::sqrt(n));
  const auto f = [&](double u) { return c * std::pow(std::cos(u), n - 1); };
  constexpr int kSteps = 2000;
  const double h = end / kSteps;
  double sum = f(0) + f(end);
  for (int i = 1; i < kSteps; ++i) sum += f(i * h) * (i % 2 == 1 ? 4 : 2);
  return 2 * sum * h / 3;
}

TEST(StudentT975, HoldsNinetyFivePercentBetweenPlusAndMinusT) {
  for (const uint64_t n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20, 30, 49, 100, 1000}) {
    EXPECT_NEAR(Within(StudentT975(n), static_cast<double>(n)), 0.95, 2e-6) << n;
  }
}

TEST(RunningMean, GivesMeanAndIntervalOfAWorkedExample) {
  RunningMean mean;
  for (const double x : {4.0, 5.0, 6.0, 7.0, 8.0}) mean.Add(x);  // variance 2.5
  const MeanWithInterval result = mean.Result();
  EXPECT_DOUBLE_EQ(result.mean, 6);
  const double half = 2.776445105 * std::sqrt(2.5 / 5);
  ASSERT_TRUE(result.ci95.has_value());
  EXPECT_NEAR(result.ci95->low, 6 - half, 1e-9);
  EXPECT_NEAR(result.ci95->high, 6 + half, 1e-9);
}

TEST(RunningMean, OfOneValueHasNoInterval) {
  RunningMean mean;
  mean.Add(3);
  EXPECT_DOUBLE_EQ(mean.Result().mean, 3);
  EXPECT_FALSE(mean.Result().ci95.has_value());
}

TEST(RunningMean, DoesNotCancelWhereValuesAreLargeAndTheirSpreadIsSmall) {
  RunningMean mean;
  for (int i = 0; i < 1000; ++i) mean.Add(1e9 + (i % 2));
  const double half = StudentT975(999) * std::sqrt(0.25 * 1000 / 999 / 1000);
  EXPECT_NEAR(mean.Result().ci95->high - mean.Result().mean, half, 1e-6);
}

// Of 2000 right intervals, between 1868 and 1932 hold the true mean with 99.9 % (binomial); the
// seed is fixed.
TEST(RunningMean, IntervalsHoldTheTruthAsOftenAsTheySay) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(10, 3);
  int held = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    RunningMean mean;
    for (int i = 0; i < 6; ++i) mean.Add(normal(random));
    const auto interval = *mean.Result().ci95;
    held += interval.low <= 10 && 10 <= interval.high;
  }
  EXPECT_GE(held, 1868);
  EXPECT_LE(held, 1932);
}

}  // namespace
}  // namespace synergy
