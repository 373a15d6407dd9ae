#include "common/attribution/outlying_rows.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace synergy {
namespace {

constexpr size_t kRows = 10'000;
constexpr size_t kOneIn = 5;  // rows of the operator that varies

// Two operators of 100 steps, and a drift's knot: the first one's readings scatter by a step, the
// second one's by `spread`. Some are `wild` steps off.
RegressionRows Readings(double spread, const std::vector<size_t>& wild, double wild_steps) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  RegressionRows rows(2);
  for (size_t i = 0; i < kRows; ++i) {
    const uint32_t op = i % kOneIn == 0 ? 1 : 0;
    const RegressionRows::Entry row[] = {{.parameter = op, .weight = 0.6},
                                         {.parameter = 1 - op, .weight = 0.4},
                                         {.parameter = 2, .weight = 1}};
    const bool is_wild = std::ranges::find(wild, i) != wild.end();
    rows.Add(row, 100 + (op == 1 ? spread : 1) * normal(random) + (is_wild ? wild_steps : 0), 0,
             static_cast<uint32_t>(i / 10));
  }
  return rows;
}

uint64_t LeftOut(RegressionRows rows) {
  return LeaveOutOutliers(Eigen::Vector3d(100, 100, 0), &rows);
}

TEST(LeaveOutOutliers, LeavesOutSingleReadingsFarFromAllOthers) {
  RegressionRows rows = Readings(1, {17, 1'234}, 50);
  EXPECT_EQ(LeaveOutOutliers(Eigen::Vector3d(100, 100, 0), &rows), 2);
  EXPECT_TRUE(rows.left_out(17));
  EXPECT_TRUE(rows.left_out(1'234));
  EXPECT_EQ(LeaveOutOutliers(Eigen::Vector3d(100, 100, 0), &rows), 0) << "they are counted once";
}

// The highest of them say as much of its mean as the lowest.
TEST(LeaveOutOutliers, AnOperatorWhosePowerVariesHasNoneByThat) {
  EXPECT_EQ(LeftOut(Readings(2.5, {}, 0)), 0);
  EXPECT_EQ(LeftOut(Readings(2.5, {17, 20 * kOneIn}, 200)), 2) << "one of them is its own";
}

TEST(LeaveOutOutliers, LeavesOutNoneWhereTheyAreMany) {
  std::vector<size_t> wild(kRows / 65);  // 1.5 %
  for (size_t i = 0; i < wild.size(); ++i) wild[i] = 65 * i;
  EXPECT_EQ(LeftOut(Readings(1, wild, 50)), 0);
  wild.resize(wild.size() / 2);
  EXPECT_EQ(LeftOut(Readings(1, wild, 50)), wild.size());
}

}  // namespace
}  // namespace synergy
