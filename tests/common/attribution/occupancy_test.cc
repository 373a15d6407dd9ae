#include "common/attribution/occupancy.h"

#include <cmath>

#include "common/attribution/filtered_windows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using Row = std::vector<RegressionRows::Entry>;

double WeightOf(const Row& row, uint32_t category) {
  double weight = 0;
  for (const auto& e : row) {
    if (e.parameter == category) weight += e.weight;
  }
  return weight;
}

// 0 for 100 us, 1 for 300 us, 0 and 2 together for 100 us.
Occupancy Example() {
  Occupancy occupancy(0);
  occupancy.Append(100e3, 0);
  occupancy.Append(400e3, 1);
  const Occupancy::Part both[] = {{.category = 0, .share = 0.5}, {.category = 2, .share = 0.5}};
  occupancy.Append(500e3, both);
  return occupancy;
}

TEST(Occupancy, ARowHasTheSharesOfItsWindow) {
  const Occupancy occupancy = Example();
  Row row;
  size_t near = 0;
  ASSERT_TRUE(occupancy.Row(50e3, 450e3, &row, &near));
  EXPECT_DOUBLE_EQ(WeightOf(row, 0), (50 + 25) / 400.0);
  EXPECT_DOUBLE_EQ(WeightOf(row, 1), 300 / 400.0);
  EXPECT_DOUBLE_EQ(WeightOf(row, 2), 25 / 400.0);
}

TEST(Occupancy, AWindowBeyondWhatIsKnownHasNoRow) {
  const Occupancy occupancy = Example();
  Row row;
  size_t near = 0;
  EXPECT_FALSE(occupancy.Row(-1, 10, &row, &near));
  EXPECT_FALSE(occupancy.Row(400e3, 500e3 + 1, &row, &near));
  EXPECT_FALSE(occupancy.Row(10, 10, &row, &near));
  EXPECT_FALSE(Occupancy(0).Row(0, 1, &row, &near));
}

TEST(PowerCourse, IntegratesThePowersOfWhatRan) {
  const Occupancy occupancy = Example();
  const PowerCourse power(occupancy, Eigen::Vector3d(1, 2, 4));
  EXPECT_DOUBLE_EQ(power.EnergyUntil(100e3), 100e3);
  EXPECT_DOUBLE_EQ(power.EnergyUntil(500e3), 100e3 + 600e3 + 100e3 * 2.5);
  EXPECT_DOUBLE_EQ(power.Mean(350e3, 450e3), (50 * 2 + 50 * 2.5) / 100);
  EXPECT_DOUBLE_EQ(power.PowerAt(99e3), 1);
  EXPECT_DOUBLE_EQ(power.PowerAt(100e3), 2);
}

TEST(FilteredShares, AreThoseOfAnExponentialWindow) {
  const Occupancy occupancy = Example();
  constexpr double kDecay = 150e3, kAt = 450e3;
  FilteredShares filtered(occupancy, 3, kDecay);
  Eigen::VectorXd shares;
  EXPECT_TRUE(filtered.At(200e3, &shares)) << "a cursor that moves on";
  ASSERT_TRUE(filtered.At(kAt, &shares));
  ASSERT_EQ(shares.size(), 3);
  const auto since = [&](double from, double to) {
    return std::exp((to - kAt) / kDecay) - std::exp((from - kAt) / kDecay);
  };
  EXPECT_NEAR(shares[0], since(0, 100e3) + 0.5 * since(400e3, kAt), 1e-12);
  EXPECT_NEAR(shares[1], since(100e3, 400e3), 1e-12);
  EXPECT_NEAR(shares[2], 0.5 * since(400e3, kAt), 1e-12);
  EXPECT_FALSE(filtered.At(600e3, &shares)) << "beyond the end";
}

TEST(FilteredShares, KeepTheirPrecisionOverManyTimeConstants) {
  Occupancy occupancy(0);
  for (int i = 1; i <= 10'000; ++i) occupancy.Append(i * 100e3, i % 2 == 0 ? 0 : 1);
  FilteredShares filtered(occupancy, 2, 300e3);
  Eigen::VectorXd shares;
  ASSERT_TRUE(filtered.At(1e9, &shares));
  EXPECT_NEAR(shares[0] + shares[1], 1, 1e-9);
  EXPECT_GT(shares[0], shares[1]) << "what ran last weighs more";
}

TEST(FilterReader, HoldsTheMeanOverThePeriodInWhichAReadMayBe) {
  const Occupancy occupancy = Example();
  constexpr double kPeriod = 20e3, kAverage = 4, kAt = 450e3, kSlower = 1e-4;
  FilterReader reader(occupancy, 3, kPeriod, kAverage, kSlower);
  EXPECT_NEAR(std::exp(-kPeriod / reader.decay_ns()), 1 - 1 / kAverage, 1e-12)
      << "what a conversion leaves of those before";
  HeldShares held;
  ASSERT_TRUE(reader.At(kAt, &held));
  EXPECT_NEAR(held.mean.sum(), 1, 1e-12) << "what was before is as at the begin";
  EXPECT_NEAR(held.before, std::exp(-(kAt - kPeriod / 2) / reader.decay_ns()), 1e-12);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(3), shares, early;
  constexpr int kParts = 1000;
  FilteredShares fine(occupancy, 3, reader.decay_ns());
  for (int i = 0; i < kParts; ++i) {
    ASSERT_TRUE(fine.At(kAt + kPeriod * ((i + 0.5) / kParts - 0.5), &shares));
    if (i == 0) early = shares;
    sum += shares / kParts;
  }
  for (const Eigen::Index category : {1, 2}) {  // the first one has what was before, too
    EXPECT_NEAR(held.mean[category], sum[category], 1e-5);
    EXPECT_NEAR(held.moved[category], shares[category] - early[category], 1e-3);
  }
  FilteredShares usual(occupancy, 3, reader.decay_ns());
  FilteredShares slow(occupancy, 3, reader.decay_ns() * (1 + kSlower));
  ASSERT_TRUE(usual.At(kAt, &shares));
  ASSERT_TRUE(slow.At(kAt, &early));
  EXPECT_NEAR(held.slowed[1], early[1] - shares[1], 1e-12);
  EXPECT_FALSE(reader.At(595e3, &held)) << "half a period beyond the end";
}

}  // namespace
}  // namespace synergy
