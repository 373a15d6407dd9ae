#include "common/attribution/rounded_regression.h"

#include <cmath>
#include <random>

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

TEST(FitRounded, TakesTheRoundingForWhatItIs) {
  const VectorXd truth = Eigen::Vector2d(12.31, 17.82);
  const RegressionRows rows = Readings(truth, 0.1, 20'000, 1);
  const VectorXd plain = FitLeastSquares(rows, Vague());
  const RegressionFit fit = FitRounded(rows, plain, 0.5, Vague(), 30);
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.noise, 0.1, 0.02);
  EXPECT_LT((fit.p - truth).norm(), 0.02);
  EXPECT_GT((plain - truth).norm(), 0.05) << "least squares are biased here, whatever the number";
}

TEST(FitRounded, IsLeastSquaresWhereNoiseDrownsTheRounding) {
  const VectorXd truth = Eigen::Vector2d(100, 150);
  const RegressionRows rows = Readings(truth, 20, 5'000, 2);
  const VectorXd plain = FitLeastSquares(rows, Vague());
  const RegressionFit fit = FitRounded(rows, plain, 10, Vague(), 30);
  EXPECT_NEAR(fit.noise, 20, 0.6) << "3 of its standard deviations";
  EXPECT_LT((fit.p - plain).norm(), 0.01);
}

TEST(FitRounded, ItsCovarianceIsThatOfItsErrors) {
  const VectorXd truth = Eigen::Vector2d(12.31, 17.82);
  constexpr int kRuns = 200;
  double squares = 0, of_scores = 0;
  for (int i = 0; i < kRuns; ++i) {
    const RegressionRows rows = Readings(truth, 0.3, 500, 100 + static_cast<uint64_t>(i));
    const RegressionFit fit = FitRounded(rows, truth, 0.3, Vague(), 30);
    const Eigen::MatrixXd covariance = (fit.data.h + Vague().h).inverse();
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

TEST(FitRounded, AParameterWithoutReadingsStaysAtItsPrior) {
  RegressionRows rows;
  const RegressionRows::Entry row[] = {{.parameter = 0, .weight = 1}};
  for (uint32_t i = 0; i < 100; ++i) rows.Add(row, 5 + i % 2, 0, i);
  const Quadratic prior = Quadratic::Around(Eigen::Vector2d(3, 3), 10);
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
  const RegressionFit whole = FitRounded(both, truth, 0.3, Vague(), 30);
  const RegressionFit before = FitRounded(first, truth, 0.3, Vague(), 30);
  Quadratic known = Vague();
  known.h += before.data.h;
  known.g += before.data.g;
  const RegressionFit fit =
      StepRounded(second, before.p, before.noise, known, before.noise_information);
  const VectorXd sd = (whole.data.h + Vague().h).inverse().diagonal().cwiseSqrt();
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
      FitRounded(rows, VectorXd::Constant(1, 12), 1, Quadratic::Around(VectorXd::Zero(1), 1e3), 40);
  EXPECT_NEAR(fit.p[0], 10.5, 0.05);
}

}  // namespace
}  // namespace synergy
