#include "client/analysis/increase.h"

#include <cmath>
#include <random>

#include "client/analysis/paired_sequence.h"
#include "client/analysis/student_t.h"
#include "common/attribution/mean_interval.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(StudentT, IsWhatTheTablesSay) {
  EXPECT_NEAR(StudentTQuantile(0.95, 1), 6.313752, 1e-5);
  EXPECT_NEAR(StudentTQuantile(0.95, 4), 2.131847, 1e-5);
  EXPECT_NEAR(StudentTQuantile(0.999, 10), 4.143700, 1e-5);
  EXPECT_NEAR(StudentTQuantile(0.95, kKnownVariance), 1.644854, 1e-5);
  for (const uint64_t n : {1, 2, 7, 30, 200}) {
    EXPECT_NEAR(StudentTQuantile(0.975, static_cast<double>(n)), StudentT975(n), 3e-5) << n;
  }
  EXPECT_NEAR(StudentTQuantile(0.1, 3), -StudentTQuantile(0.9, 3), 1e-9);
  for (const double p : {1e-4, 0.2, 0.5, 0.99}) {
    for (const double n : {1.0, 2.5, 40.0, kKnownVariance}) {
      EXPECT_NEAR(StudentTCdf(StudentTQuantile(p, n), n), p, 1e-8) << p << " " << n;
    }
  }
}

std::vector<RunValue> Runs(std::vector<double> logs, double sd = 0) {
  std::vector<RunValue> runs;
  for (const double log : logs) runs.push_back({.log = log, .sd = sd});
  return runs;
}

TEST(Increase, IsThatOfATwoSampleTTest) {
  const auto a = Runs({1.00, 1.02, 0.98, 1.00}), b = Runs({1.05, 1.03, 1.07});
  const RunSpread spread = SpreadOf({a, b}, 0.5);
  EXPECT_FALSE(spread.assumed);
  EXPECT_EQ(spread.degrees_of_freedom, 5);
  EXPECT_NEAR(spread.variance, 0.0016 / 5, 1e-12);
  const Increase increase = IncreaseOf(a, b, spread);
  EXPECT_NEAR(increase.log, 0.05, 1e-12);
  EXPECT_NEAR(increase.se, std::sqrt(0.0016 / 5 * (1.0 / 4 + 1.0 / 3)), 1e-12);
  EXPECT_NEAR(increase.Bound(0.95) - increase.log, 2.015048 * increase.se, 1e-6);
  EXPECT_NEAR(increase.ProbabilityAbove(increase.Bound(0.01)), 0.01, 1e-8);
}

TEST(Increase, OfOneRunEachIsAssumedAndSaysSo) {
  const RunSpread spread = SpreadOf({Runs({0}), Runs({0.03})}, 0.01);
  EXPECT_TRUE(spread.assumed);
  const Increase increase = IncreaseOf(Runs({0}, 0.02), Runs({0.03}, 0.02), spread);
  EXPECT_NEAR(increase.se, std::sqrt(2 * (1e-4 + 4e-4)), 1e-12);
  EXPECT_NEAR(increase.Bound(0.975) - 0.03, 1.959964 * increase.se, 1e-6);
}

TEST(Increase, IsNeverSurerThanTheRunsAreOfThemselves) {
  const auto same = Runs({0, 0, 0}, 0.03);  // chance: they do not scatter
  const RunSpread spread = SpreadOf({same}, 0.01);
  EXPECT_NEAR(IncreaseOf(same, same, spread).se, 0.03 * std::sqrt(2.0 / 3), 1e-12);
  const auto scattered = Runs({-0.1, 0, 0.1}, 0.01);
  const Increase worse = IncreaseOf(scattered, Runs({0}, 0.2), SpreadOf({scattered}, 0.01));
  EXPECT_NEAR(worse.se_candidate, std::sqrt(0.01 + 0.04 - 0.0001), 1e-12)
      << "a candidate that says less of itself than the baseline's runs";
}

TEST(HolmLevels, AreWhatThePaperSays) {
  EXPECT_THAT(
      HolmLevels({0.02, 0.01, 0.04}, 0.06),
      ElementsAre(DoubleNear(0.03, 1e-12), DoubleNear(0.02, 1e-12), DoubleNear(0.06, 1e-12)));
  // The second stands: so does the third, though its p is below the last level.
  EXPECT_THAT(
      HolmLevels({0.001, 0.031, 0.05}, 0.06),
      ElementsAre(DoubleNear(0.02, 1e-12), DoubleNear(0.03, 1e-12), DoubleNear(0.03, 1e-12)));
  EXPECT_TRUE(HolmLevels({}, 0.05).empty());
}

TEST(PairedSequence, HasNoBoundBeforeItKnowsTheScatter) {
  PairedSequence sequence(0.05);
  sequence.Add(0.01);
  sequence.Add(0.0101);
  EXPECT_TRUE(std::isinf(sequence.half_width())) << "two may agree by chance";
  for (int i = 0; i < 20; ++i) sequence.Add(i % 2 == 0 ? 0.01 : 0.0102);
  EXPECT_LT(sequence.half_width(), 1e-3);
  EXPECT_NEAR(sequence.mean(), 0.0101, 1e-4);
}

// E of the header, as it stands there.
double EValue(const std::vector<double>& values, double m, double g) {
  double mean = 0, squares = 0;
  const double n = static_cast<double>(values.size()), v = n - 1;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double t2 = n * (mean - m) * (mean - m) / (squares / v);
  return std::pow(1 + n * g, -0.5) *
         std::pow((1 + t2 / v) / (1 + t2 / (v * (1 + n * g))), (v + 1) / 2);
}

TEST(PairedSequence, EndsWhereTheEValueIsOneByAlpha) {
  const std::vector<double> values = {0.1, 0.3, -0.2, 0.25, 0.15, 0.2, 0.05};
  PairedSequence sequence(0.05);
  for (const double value : values) sequence.Add(value);
  for (const double end : {-1.0, 1.0}) {
    EXPECT_NEAR(EValue(values, sequence.mean() + end * sequence.half_width(), kEffectVariance),
                1 / (2 * 0.05), 1e-6);
  }
}

TEST(PairedSequence, HoldsTheMeanAtAllLooksTogether) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(0.02, 0.01);
  constexpr int kSequences = 2000;
  int below = 0, above = 0;
  for (int i = 0; i < kSequences; ++i) {
    PairedSequence sequence(0.05);
    for (int pair = 0; pair < 100; ++pair) sequence.Add(normal(random));
    below += sequence.high() < 0.02 ? 1 : 0;
    above += sequence.low() > 0.02 ? 1 : 0;
  }
  // 134 of 2,000 are exceeded in 1 of 1,000 cases at a rate of 5 %.
  EXPECT_LE(below, 134);
  EXPECT_LE(above, 134);
}

}  // namespace
}  // namespace synergy
