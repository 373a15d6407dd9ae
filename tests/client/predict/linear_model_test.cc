#include "client/predict/linear_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace synergy {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Rows {
  MatrixXd x;
  VectorXd y, weights;
};

// y = x b + noise of these standard deviations.
Rows MakeRows(Eigen::Index count, const VectorXd& b, double noise, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> even(0.5, 1.5);
  Rows rows{MatrixXd(count, b.size()), VectorXd(count), VectorXd(count)};
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index k = 0; k < b.size(); ++k) rows.x(i, k) = std::abs(normal(random)) + 0.1;
    const double sd = noise * even(random);
    rows.y[i] = rows.x.row(i) * b + sd * normal(random);
    rows.weights[i] = 1 / (sd * sd);
  }
  return rows;
}

Gram GramOf(const Rows& rows) {
  Gram gram(rows.x.cols());
  gram.Add(rows.x, rows.y, rows.weights);
  return gram;
}

TEST(FitLinear, RecoversCoefficientsToTheirStandardErrors) {
  const VectorXd truth = VectorXd{{2.0, 0.5, -1.0}};
  double squares = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    const auto fit =
        FitLinear(GramOf(MakeRows(60, truth, 0.3, static_cast<uint64_t>(run))), {"a", "b", "c"});
    ASSERT_TRUE(fit.ok()) << fit.status();
    const VectorXd off = fit->coefficients - truth;
    squares += off.dot(fit->covariance.ldlt().solve(off));
    EXPECT_EQ(fit->complexity(), 3u);
    EXPECT_EQ(fit->freedom, 57);
  }
  // Three times the mean of F(3, 57), over 200 runs: a standard error of 0.19.
  EXPECT_NEAR(squares / kRuns, 3 * 57.0 / 55, 0.6);
}

TEST(FitLinear, NamesAColumnThatIsASumOfOthers) {
  Rows rows = MakeRows(50, VectorXd{{1.0, 2.0, 3.0, 4.0}}, 0.1, 1);
  rows.x.col(3) = 2 * rows.x.col(0) + 0.5 * rows.x.col(2);
  const auto fit = FitLinear(GramOf(rows), {"macs", "bytes", "output", "flops"});
  EXPECT_EQ(fit.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(fit.status().message(),
              AllOf(HasSubstr("'flops' is a sum of 'macs', 'output'"), Not(HasSubstr("'bytes'"))));
}

TEST(FitLinear, NamesAColumnThatIsNothing) {
  Rows rows = MakeRows(50, VectorXd{{1.0, 2.0}}, 0.1, 1);
  rows.x.col(1).setZero();
  EXPECT_THAT(FitLinear(GramOf(rows), {"macs", "groups"}).status().message(),
              HasSubstr("'groups' is 0 in every row"));
}

TEST(FitLinear, RefusesFewerRowsThanCoefficients) {
  const Rows rows = MakeRows(2, VectorXd{{1.0, 2.0, 3.0}}, 0.1, 1);
  EXPECT_THAT(FitLinear(GramOf(rows), {"a", "b", "c"}).status().message(),
              HasSubstr("2 rows are too few for 3 coefficients"));
}

TEST(FitLinear, KeepsCoefficientsFromNothingUpWhereAskedTo) {
  const Rows rows = MakeRows(200, VectorXd{{2.0, -1.0, 0.5}}, 0.1, 3);
  const auto fit = FitLinear(GramOf(rows), {"a", "b", "c"}, {.non_negative = {true, true, true}});
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_EQ(fit->coefficients[1], 0);
  EXPECT_GT(fit->coefficients[0], 0);
  EXPECT_EQ(fit->covariance(1, 1), 0);
  // No other choice within the bounds is better.
  const Gram gram = GramOf(rows);
  const VectorXd gradient = gram.xy() - gram.xx() * fit->coefficients;
  for (Eigen::Index i = 0; i < 3; ++i) {
    EXPECT_LE(gradient[i], 1e-6 * gram.xy().cwiseAbs().maxCoeff());
    if (fit->coefficients[i] > 0) {
      EXPECT_NEAR(gradient[i], 0, 1e-6 * gram.xy()[i]);
    }
  }
}

// Ten groups of rows whose y depends on two of eight columns.
std::vector<Gram> Groups(double noise) {
  VectorXd truth = VectorXd::Zero(8);
  truth[1] = 3;
  truth[6] = -2;
  std::vector<Gram> groups;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    groups.push_back(GramOf(MakeRows(30, truth, noise, seed)));
  }
  return groups;
}

TEST(FitPenalised, LassoKeepsWhatMatters) {
  const auto fit = FitPenalised(Groups(0.5), Penalty::kLasso);
  ASSERT_TRUE(fit.ok()) << fit.status();
  EXPECT_NEAR(fit->fit.coefficients[1], 3, 0.3);
  EXPECT_NEAR(fit->fit.coefficients[6], -2, 0.3);
  EXPECT_LE(fit->fit.complexity(), 4u);
  EXPECT_GT(fit->strength, 1e-5);
}

// Three rows that contradict the others in all but one column: their errors alone ask for a penalty
// that leaves these columns out.
TEST(FitPenalised, AGroupsOwnErrorsDoNotChooseTheStrengthWithoutIt) {
  const VectorXd truth{{3.0, 0.3, 0.3, 0.3, 0.3, 0.3}},
      odd_truth{{3.0, -6.0, -6.0, -6.0, -6.0, -6.0}};
  std::vector<Gram> groups;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    groups.push_back(GramOf(MakeRows(30, truth, 0.05, seed)));
  }
  groups.push_back(GramOf(MakeRows(3, odd_truth, 0.05, 99)));
  const auto fit = FitPenalised(groups, Penalty::kLasso);
  ASSERT_TRUE(fit.ok()) << fit.status();
  ASSERT_EQ(fit->strength_without.size(), 11u);
  EXPECT_LT(fit->strength_without[10], 0.5 * fit->strength);
  EXPECT_GT(fit->strength_without[0], 0.6 * fit->strength);
}

TEST(FitPenalised, LassoChoosesAndShrinksNothing) {
  const Rows rows = MakeRows(200, VectorXd{{3.0, 0.0, -2.0, 0.0}}, 0.5, 1);
  const LinearFit fit = FitAtStrength(GramOf(rows), Penalty::kLasso, 0.1);
  EXPECT_EQ(fit.coefficients[1], 0);
  EXPECT_EQ(fit.coefficients[3], 0);
  const auto least = FitLinear(GramOf(rows).Columns({0, 2}), {"a", "c"});
  ASSERT_TRUE(least.ok()) << least.status();
  EXPECT_NEAR(fit.coefficients[0], least->coefficients[0], 1e-9);
  EXPECT_NEAR(fit.coefficients[2], least->coefficients[1], 1e-9);
}

// Coordinates' descent takes tens of thousands of sweeps to it.
TEST(FitPenalised, LassoSettlesWhereColumnsHardlyDiffer) {
  Rows rows = MakeRows(60, VectorXd{{1.0, 2.0, 0.5, 0.0, 1.0, 0.0}}, 0.1, 3);
  for (Eigen::Index k = 1; k < 6; ++k) {
    rows.x.col(k) = rows.x.col(0) + 1e-3 * static_cast<double>(k) * rows.x.col(k);
  }
  rows.y = rows.x.col(1) + 0.02 * rows.y;
  const Gram gram = GramOf(rows);
  const LinearFit fit = FitAtStrength(gram, Penalty::kLasso, 1e-4);
  EXPECT_TRUE(fit.is_settled);
  const VectorXd gradient = gram.xy() - gram.xx() * fit.coefficients;
  for (Eigen::Index i = 0; i < 6; ++i) {
    if (fit.coefficients[i] == 0) continue;
    EXPECT_NEAR(gradient[i], 0, 1e-8 * gram.xy()[i]);
    EXPECT_GT(fit.covariance(i, i), 0);
  }
  EXPECT_GE(fit.complexity(), 1u);
}

TEST(FitPenalised, LassoOfColumnsThatAreSumsOfOthersHasNoOneTwice) {
  Rows rows = MakeRows(60, VectorXd{{1.0, 2.0, 3.0, 4.0}}, 0.1, 3);
  rows.x.col(2) = rows.x.col(0) + rows.x.col(1);
  rows.x.col(3) = 2 * rows.x.col(1);
  const LinearFit fit = FitAtStrength(GramOf(rows), Penalty::kLasso, 1e-4);
  EXPECT_LE(fit.complexity(), 2u);
  for (Eigen::Index i = 0; i < 4; ++i)
    EXPECT_EQ(fit.covariance(i, i) > 0, fit.coefficients[i] != 0);
}

TEST(ChooseColumns, KeepsThoseBeforeAndSaysWhatTheOthersAre) {
  Rows rows = MakeRows(50, VectorXd{{1.0, 2.0, 3.0, 4.0}}, 0.1, 1);
  rows.x.col(1).setZero();
  rows.x.col(3) = 3 * rows.x.col(0) - rows.x.col(2);
  const ChosenColumns chosen = ChooseColumns(GramOf(rows), {"a", "b", "c", "d"}, 1e-8);
  EXPECT_THAT(chosen.kept, testing::ElementsAre(0, 2));
  ASSERT_EQ(chosen.left_out.size(), 2u);
  EXPECT_TRUE(chosen.left_out[0].is_zero);
  EXPECT_EQ(chosen.left_out[1].words, "'d' is a sum of 'a', 'c' in these rows");
}

TEST(FitPenalised, RidgeBearsColumnsThatAreSumsOfOthers) {
  std::vector<Gram> groups;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Rows rows = MakeRows(30, VectorXd{{1.0, 2.0, 0.0}}, 0.1, seed);
    rows.x.col(2) = rows.x.col(0) + rows.x.col(1);
    groups.push_back(GramOf(rows));
  }
  const auto fit = FitPenalised(groups, Penalty::kRidge);
  ASSERT_TRUE(fit.ok()) << fit.status();
  const VectorXd& b = fit->fit.coefficients;
  EXPECT_NEAR(b[0] + b[2], 1, 0.05);
  EXPECT_NEAR(b[1] + b[2], 2, 0.05);
  EXPECT_TRUE(fit->fit.covariance.allFinite());
}

TEST(FitPenalised, OneGroupIsNotEnough) {
  EXPECT_THAT(FitPenalised({GramOf(MakeRows(30, VectorXd{{1.0}}, 0.1, 1))}, Penalty::kLasso)
                  .status()
                  .message(),
              HasSubstr("give at least two"));
}

}  // namespace
}  // namespace synergy
