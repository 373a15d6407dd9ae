#include "common/attribution/rounded_regression.h"

#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace synergy {
namespace {

using Eigen::VectorXd;

// Readings of two powers in turn, some windows with half of each.
RegressionRows Readings(const VectorXd& p, double noise, int count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  RegressionRows rows;
  for (int i = 0; i < count; ++i) {
    const double part = (i % 5) / 4.0;
    const RegressionRows::Entry row[] = {{.parameter = 0, .weight = part},
                                         {.parameter = 1, .weight = 1 - part}};
    const double y = part * p[0] + (1 - part) * p[1] + noise * normal(random);
    rows.Add(row, std::round(y), 0, static_cast<uint32_t>(i / 10));
  }
  return rows;
}

Quadratic Vague() { return Quadratic::Around(VectorXd::Zero(2), 1e3); }
Quadratic VagueWithNoise() { return Quadratic::Around(VectorXd::Zero(3), 1e3); }

TEST(FitRounded, TakesTheRoundingForWhatItIs) {
  const VectorXd truth = Eigen::Vector2d(12.31, 17.82);
  const RegressionRows rows = Readings(truth, 0.1, 20'000, 1);
  const VectorXd plain = FitLeastSquares(rows, Vague());
  const RegressionFit fit = FitRounded(rows, plain, 0.5, VagueWithNoise(), 30);
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.noise, 0.1, 0.02);
  EXPECT_LT((fit.p - truth).norm(), 0.02);
  EXPECT_GT((plain - truth).norm(), 0.05) << "least squares are biased here, whatever the number";
}

TEST(FitRounded, IsLeastSquaresWhereNoiseDrownsTheRounding) {
  const VectorXd truth = Eigen::Vector2d(100, 150);
  const RegressionRows rows = Readings(truth, 20, 5'000, 2);
  const VectorXd plain = FitLeastSquares(rows, Vague());
  const RegressionFit fit = FitRounded(rows, plain, 10, VagueWithNoise(), 30);
  EXPECT_NEAR(fit.noise, 20, 0.6) << "3 of its standard deviations";
  EXPECT_LT((fit.p - plain).norm(), 0.01);
}

TEST(FitRounded, TakesAnyNumberOfClusters) {
  const VectorXd truth = Eigen::Vector2d(12.31, 17.82);
  for (const int clusters : {1, 31, 32, 33, 64, 65}) {
    const RegressionRows rows = Readings(truth, 0.3, 10 * clusters, 3);
    const RegressionFit fit = FitRounded(rows, truth, 0.3, VagueWithNoise(), 30);
    EXPECT_EQ(fit.clusters, static_cast<size_t>(clusters));
    EXPECT_GT(fit.score_products(0, 0), 0);
  }
}

TEST(FitRounded, ItsCovarianceIsThatOfItsErrors) {
  const VectorXd truth = Eigen::Vector2d(12.31, 17.82);
  constexpr int kRuns = 200;
  double squares = 0, of_scores = 0;
  for (int i = 0; i < kRuns; ++i) {
    const RegressionRows rows = Readings(truth, 0.3, 500, 100 + static_cast<uint64_t>(i));
    const RegressionFit fit = FitRounded(rows, truth, 0.3, VagueWithNoise(), 30);
    const Eigen::MatrixXd covariance = (fit.data.h + VagueWithNoise().h).inverse();
    const Eigen::MatrixXd robust = covariance * fit.score_products * covariance;
    const double error = fit.p[0] - truth[0];
    squares += error * error / covariance(0, 0) / kRuns;
    of_scores += error * error / robust(0, 0) / kRuns;
    EXPECT_EQ(fit.clusters, 50u);
  }
  // Means of 200 squares of standard normal values: 1 with a standard deviation of 0.1.
  EXPECT_NEAR(squares, 1, 0.4);
  EXPECT_NEAR(of_scores, 1, 0.45);
}

// Constant currents between two steps: how many readings say the higher one tells p only in terms
// of the noise, which other readings know.
RegressionRows TwoSteps(double noise, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  RegressionRows rows;
  for (uint32_t i = 0; i < 2000; ++i) {
    const RegressionRows::Entry row[] = {{.parameter = i % 2, .weight = 1}};
    rows.Add(row, std::round((i % 2 == 0 ? 20.62 : 30.41) + noise * normal(random)), 0, i);
  }
  // A third one that changes.
  for (uint32_t i = 0; i < 400; ++i) {
    const RegressionRows::Entry row[] = {{.parameter = 2, .weight = 1 + 0.002 * i}};
    rows.Add(row, std::round((1 + 0.002 * i) * 40.2 + noise * normal(random)), 0, 10000 + i);
  }
  return rows;
}

TEST(FitRounded, WhatTheNoiseIsNotKnownToIsInTheIntervals) {
  constexpr int kRuns = 300;
  const Quadratic prior = Quadratic::Around(Eigen::Vector4d(20, 30, 40, 0.1), 100);
  int inside = 0, inside_given_noise = 0;
  for (int i = 0; i < kRuns; ++i) {
    const RegressionRows rows = TwoSteps(0.1, 1 + static_cast<uint64_t>(i));
    const RegressionFit fit = FitRounded(rows, Eigen::Vector3d(20.5, 30.5, 40), 0.2, prior, 60);
    const Eigen::MatrixXd h = fit.data.h + prior.h;
    const double off = std::abs(fit.p[0] - 20.62);
    inside += off < 1.96 * std::sqrt(h.inverse()(0, 0)) ? 1 : 0;
    inside_given_noise += off < 1.96 * std::sqrt(h.topLeftCorner(3, 3).inverse()(0, 0)) ? 1 : 0;
  }
  EXPECT_GT(inside, 0.88 * kRuns) << "95 % but for the skewness of few odd readings";
  EXPECT_LT(inside_given_noise, 0.8 * kRuns) << "else this tests nothing";
}

TEST(FreedomScore, NoiseIsRightOnAverageHoweverManyParametersFollowTheRows) {
  constexpr int kRuns = 100, kParameters = 40;
  const Quadratic prior = Quadratic::Around(VectorXd::Zero(kParameters + 1), 1e3);
  double plain = 0, freed = 0;
  for (int i = 0; i < kRuns; ++i) {
    std::mt19937_64 random(1 + static_cast<uint64_t>(i));
    std::normal_distribution<double> normal;
    RegressionRows rows;
    for (uint32_t k = 0; k < 240; ++k) {
      const RegressionRows::Entry row[] = {{.parameter = k % kParameters, .weight = 1}};
      rows.Add(row, std::round(20 + 0.3 * (k % kParameters) + 1.0 * normal(random)), 0, k);
    }
    const RegressionFit fit = FitRounded(rows, VectorXd::Constant(kParameters, 25), 1, prior, 60);
    const double score = FreedomScore(rows, fit, prior, kParameters);
    const VectorXd column =
        (fit.data.h + prior.h).ldlt().solve(VectorXd::Unit(kParameters + 1, kParameters));
    plain += fit.noise / kRuns;
    freed += (fit.noise + column[kParameters] * score) / kRuns;
  }
  EXPECT_LT(plain, 0.93) << "a sixth of the rows' freedom is gone";
  EXPECT_NEAR(freed, 1, 0.05);
}

// Where the readings know powers in terms of the noise alone, the likelihood of powers between the
// steps is one of the noise, too: that the powers may be anywhere there says how large it is.
TEST(FreedomScore, NoiseOfFewOddReadingsIsNotTooSmall) {
  constexpr int kRuns = 60;
  constexpr uint32_t kParameters = 30;
  constexpr double kNoise = 0.1;
  const Quadratic nothing = Quadratic::Around(VectorXd::Zero(kParameters + 1), 1e3);
  double plain = 0, freed = 0;
  for (int i = 0; i < kRuns; ++i) {
    std::mt19937_64 random(1 + static_cast<uint64_t>(i));
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> even;
    VectorXd powers(kParameters);
    for (double& power : powers) power = 20 + even(random);
    RegressionRows rows;
    for (uint32_t k = 0; k < 8 * kParameters; ++k) {
      const uint32_t first = k % kParameters, second = (k / 8 + first + 1) % kParameters;
      const double share = even(random);
      const RegressionRows::Entry row[] = {{.parameter = first, .weight = share},
                                           {.parameter = second, .weight = 1 - share}};
      const double mean = share * powers[first] + (1 - share) * powers[second];
      rows.Add(row, std::round(mean + kNoise * normal(random)), 0, k);
    }
    Quadratic prior = nothing;
    RegressionFit fit = FitRounded(rows, powers, kNoise, prior, 60);
    plain += fit.noise / kRuns;
    double score = 0;
    for (int round = 0; round < 12; ++round) {
      const double variance = (fit.data.h + prior.h).inverse()(kParameters, kParameters);
      const double most = 0.2 * fit.noise / variance;
      score = std::clamp(FreedomScore(rows, fit, prior, kParameters), score - most, score + most);
      prior.g[kParameters] = nothing.g[kParameters] + score;
      fit = FitRounded(rows, fit.p, fit.noise, prior, 60);
    }
    freed += fit.noise / kRuns;
  }
  EXPECT_LT(plain, 0.8 * kNoise) << "else this tests nothing";
  EXPECT_GT(freed, kNoise);
  EXPECT_LT(freed, 1.4 * kNoise);
}

TEST(RegressionRows, LinesChangeNothingButTheWayOfSumming) {
  constexpr uint32_t kOwn = 5, kKnots = 4;
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> even;
  RegressionRows plain, lined(kOwn);
  for (uint32_t i = 0; i < 500; ++i) {
    const double part = even(random), place = even(random);
    const uint32_t knot = kOwn + i * (kKnots - 1) / 500;
    std::vector<RegressionRows::Entry> row = {{.parameter = i % kOwn, .weight = part},
                                              {.parameter = (i + 2) % kOwn, .weight = 1 - part}};
    if (i % 7 != 0) {  // some have none
      row.push_back({.parameter = knot, .weight = 1 - place});
      row.push_back({.parameter = knot + 1, .weight = place});
    }
    const double y = std::round(10 + 3 * part + place);
    plain.Add(row, y, 0, i / 10);
    lined.Add(row, y, 0, i / 10);
  }
  const Quadratic prior = Quadratic::Around(VectorXd::Zero(kOwn + kKnots + 1), 10);
  const VectorXd start = VectorXd::Constant(kOwn + kKnots, 5);
  const RegressionFit a = FitRounded(plain, start, 1, prior, 60);
  const RegressionFit b = FitRounded(lined, start, 1, prior, 60);
  EXPECT_LT((a.p - b.p).norm(), 1e-9);
  EXPECT_LT((a.data.h - b.data.h).norm(), 1e-9 * a.data.h.norm());
  EXPECT_LT((a.data.g - b.data.g).norm(), 1e-9 * a.data.g.norm());
  EXPECT_LT((a.score_products - b.score_products).norm(), 1e-9 * a.score_products.norm());
  EXPECT_EQ(a.clusters, b.clusters);
}

TEST(FitRounded, AParameterWithoutReadingsStaysAtItsPrior) {
  RegressionRows rows;
  const RegressionRows::Entry row[] = {{.parameter = 0, .weight = 1}};
  for (uint32_t i = 0; i < 100; ++i) rows.Add(row, 5 + i % 2, 0, i);
  const Quadratic prior = Quadratic::Around(Eigen::Vector3d(3, 3, 1), 10);
  const RegressionFit fit = FitRounded(rows, VectorXd::Zero(2), 1, prior, 30);
  EXPECT_NEAR(fit.p[0], 5.5, 0.05);
  EXPECT_NEAR(fit.p[1], 3, 1e-9);
  EXPECT_NEAR((fit.data.h + prior.h).inverse()(1, 1), 100, 1e-6);
}

TEST(StepRounded, PartByPartIsNearlyTheWhole) {
  const VectorXd truth = Eigen::Vector2d(12.31, 17.82);
  const RegressionRows first = Readings(truth, 0.3, 2'000, 1),
                       second = Readings(truth, 0.3, 2'000, 2);
  RegressionRows both = first;
  for (size_t i = 0; i < second.size(); ++i) {
    both.Add(second.entries(i), second.y(i), second.variance(i), 10'000 + second.cluster(i));
  }
  const RegressionFit whole = FitRounded(both, truth, 0.3, VagueWithNoise(), 30);
  const RegressionFit before = FitRounded(first, truth, 0.3, VagueWithNoise(), 30);
  Quadratic known = VagueWithNoise();
  known.h += before.data.h;
  known.g += before.data.g;
  const RegressionFit fit = StepRounded(second, before.p, before.noise, known);
  const VectorXd sd = (whole.data.h + VagueWithNoise().h).inverse().diagonal().cwiseSqrt();
  for (int i = 0; i < 2; ++i) EXPECT_NEAR(fit.p[i], whole.p[i], 0.1 * sd[i]);
  EXPECT_NEAR(fit.noise, whole.noise, 0.01);
  EXPECT_EQ(fit.clusters + before.clusters, whole.clusters);
}

TEST(FitRounded, AKnownVarianceOfAReadingCountsAsThat) {
  RegressionRows rows;
  const RegressionRows::Entry row[] = {{.parameter = 0, .weight = 1}};
  for (uint32_t i = 0; i < 1000; ++i) {
    rows.Add(row, i % 2 == 0 ? 10 : 11, 0, i);
    if (i % 10 == 0) rows.Add(row, 40, 1e6, i);  // worth nothing
  }
  const RegressionFit fit =
      FitRounded(rows, VectorXd::Constant(1, 12), 1, Quadratic::Around(VectorXd::Zero(2), 1e3), 40);
  EXPECT_NEAR(fit.p[0], 10.5, 0.05);
}

}  // namespace
}  // namespace synergy
