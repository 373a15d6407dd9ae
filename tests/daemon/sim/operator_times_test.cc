#include "daemon/sim/operator_times.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace synergy::sim {
namespace {

constexpr CpuUse kFast{.threads = 1, .cores = 4, .frequency_hz = 1.734e9};

v1::OperatorTable Table(int64_t macs, int64_t bytes) {
  v1::OperatorTable table;
  v1::OperatorInfo& op = *table.add_operators();
  op.set_type("Conv");
  op.set_has_cost(true);
  op.set_macs(macs);
  op.set_bytes_read(bytes);
  return table;
}

std::vector<double> Times(const OperatorTimes& times, uint64_t count) {
  std::vector<double> all;
  for (uint64_t i = 0; i < count; ++i) all.push_back(times.Of(0, i).seconds());
  return all;
}

double Median(std::vector<double> all) {
  std::ranges::nth_element(all, all.begin() + static_cast<ptrdiff_t>(all.size() / 2));
  return all[all.size() / 2];
}

// 50 million MACs at 2.88 a cycle of 1734 MHz are 10 ms.
TEST(OperatorTimes, FollowTheRooflineAndTheClock) {
  const v1::OperatorTable table = Table(50'000'000, 0);
  const double fast = Median(Times(OperatorTimes(table, kFast, 1), 999));
  EXPECT_NEAR(fast, SecondsOf(table.operators(0), kFast) + kDispatchS, 0.05 * fast);
  EXPECT_NEAR(fast, 10e-3, 1e-3);
  CpuUse slow = kFast;
  slow.frequency_hz /= 2;
  const double halved = Median(Times(OperatorTimes(table, slow, 1), 999));
  EXPECT_NEAR(halved, 2 * fast, 0.1 * fast) << "memory does not slow down with the clock";
}

TEST(OperatorTimes, AreAFunctionOfTheSeedAndTheNumber) {
  const v1::OperatorTable table = Table(1'000'000, 10'000);
  const OperatorTimes one(table, kFast, 1), again(table, kFast, 1), other(table, kFast, 2);
  EXPECT_EQ(one.Of(0, 7), again.Of(0, 7));
  EXPECT_EQ(one.Of(0, 7), one.Of(0, 7));
  EXPECT_NE(one.Of(0, 7), one.Of(0, 8));
  EXPECT_NE(one.Of(0, 7), other.Of(0, 7));
}

TEST(OperatorTimes, SpreadByTheJitter) {
  const v1::OperatorTable table = Table(10'000, 0);  // too short to be interrupted often
  const auto spread = [&](double jitter) {
    const std::vector<double> all = Times(OperatorTimes(table, kFast, 3, jitter), 4000);
    double sum = 0, squares = 0, count = 0;
    const double median = Median(all);
    for (const double time_s : all) {
      if (time_s > 3 * median) continue;  // interrupted
      const double logarithm = std::log(time_s - kDispatchS);
      sum += logarithm;
      squares += logarithm * logarithm;
      ++count;
    }
    return std::sqrt(squares / count - sum / count * sum / count);
  };
  EXPECT_NEAR(spread(0.015), 0.015, 0.002);
  EXPECT_NEAR(spread(0.2), 0.2, 0.02);
}

TEST(OperatorTimes, AQuarterOfTheExecutionsLosesACacheThatIsBarelyLargeEnough) {
  const v1::OperatorTable table = Table(1'000'000, 2 << 20);
  const std::vector<double> all = Times(OperatorTimes(table, kFast, 5, 0), 4000);
  const double usual = Median(all);
  double lost = 0;
  for (const double time_s : all) lost += time_s > 1.1 * usual && time_s < 1.2 * usual;
  EXPECT_NEAR(lost / 4000, kCliffShare, 0.03);
}

TEST(OperatorTimes, MakesAsManyOperatorsShortAsItIsTold) {
  v1::OperatorTable table;
  for (int i = 0; i < 400; ++i) *table.add_operators() = Table(50'000'000, 0).operators(0);
  const OperatorTimes times(table, kFast, 1, 0, 0.25);
  int shorter = 0;
  for (uint32_t op = 0; op < times.size(); ++op) {
    const double time_s = times.Of(op, 1).seconds();
    if (time_s > 1e-3) continue;
    ++shorter;
    EXPECT_NEAR(time_s - kDispatchS / 2, kShortS, 1e-9) << "what lies within its marker";
  }
  EXPECT_NEAR(shorter, 100, 30);
}

TEST(OperatorTimes, NothingTakesNoTime) {
  const OperatorTimes times(Table(0, 0), kFast, 1);
  for (uint64_t i = 0; i < 100; ++i) EXPECT_GE(times.Of(0, i), Microseconds(1));
}

}  // namespace
}  // namespace synergy::sim
