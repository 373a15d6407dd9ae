#include "daemon/sim/modelled_counts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace synergy::sim {
namespace {

using testing::HasSubstr;

constexpr CpuUse kFour{.threads = 4, .cores = 4, .frequency_hz = 1e9};

// Convolutions of 10 million MACs and 3 MB, which is around the L2 cache.
v1::OperatorTable Table(int operators) {
  v1::OperatorTable table;
  for (int i = 0; i < operators; ++i) {
    v1::OperatorInfo& op = *table.add_operators();
    op.set_index(static_cast<uint32_t>(i));
    op.set_name(fmt::format("conv{}", i));
    op.set_type("Conv");
    op.set_has_cost(true);
    op.set_macs(10'000'000);
    op.set_bytes_read(3'000'000);
  }
  return table;
}

struct Counting {
  explicit Counting(int operators, uint64_t seed = 1,
                    std::vector<std::string> events = {"simd", "bus"})
      : table(Table(operators)),
        times(table, kFour, seed),
        counts(*ModelledCounts::Make(events, "net", table, kFour, seed, times)) {}

  v1::EventCounts Of(uint32_t op, uint64_t number, int64_t duration_ns = 1000) const {
    v1::EventCounts rows;
    Marker execution{};
    execution.begin_ns = 500;
    execution.end_ns = 500 + duration_ns;
    execution.op = op;
    execution.iteration = 7;
    counts.Add(execution, number, &rows);
    return rows;
  }

  v1::OperatorTable table;
  OperatorTimes times;
  ModelledCounts counts;
};

TEST(ModelledCounts, FollowTheModelOfTheBoardBesidesADeviation) {
  const Counting counting(400);
  const OperatorWork work = WorkOf(counting.table.operators(0));
  double simd = 0, simd_squares = 0, bus = 0;
  int all = 0;
  for (uint32_t op = 0; op < 400; ++op) {
    if (counting.times.LosesCache(op, 3)) continue;
    const v1::EventCounts rows = counting.Of(op, 3);
    ASSERT_EQ(rows.count_size(), 2);
    EXPECT_EQ(rows.iteration(1), 7u);
    EXPECT_EQ(rows.op(1), op);
    EXPECT_EQ(rows.event(1), 1u);
    const double ratio = static_cast<double>(rows.count(0)) / (0.2454 * 10e6);
    simd += ratio;
    simd_squares += std::pow(ratio - 1, 2);
    bus += static_cast<double>(rows.count(1)) / (work.memory_bytes / 16);
    ++all;
  }
  // Standard errors of 5 % / sqrt(300), taken four times.
  EXPECT_NEAR(simd / all, 1, 0.012);
  EXPECT_NEAR(bus / all, 1, 0.012);
  EXPECT_NEAR(std::sqrt(simd_squares / all), 0.05, 0.01);
}

TEST(ModelledCounts, ALostCacheIsReadAgain) {
  const Counting counting(1);
  double kept = 0, lost = 0;
  int times_kept = 0, times_lost = 0;
  for (uint64_t number = 0; number < 1000; ++number) {
    const auto bus = static_cast<double>(counting.Of(0, number).count(1));
    const bool is_lost = counting.times.LosesCache(0, number);
    (is_lost ? lost : kept) += bus;
    ++(is_lost ? times_lost : times_kept);
  }
  ASSERT_GT(times_lost, 150);
  EXPECT_NEAR(lost / times_lost / (kept / times_kept), kCliffFactor, 0.005);
  EXPECT_EQ(counting.Of(0, 1).count(0), counting.Of(0, 2).count(0))
      << "its instructions are the same";
}

TEST(ModelledCounts, CyclesLastAsLongAsTheOperator) {
  const Counting counting(1, 1, {"cycles", "llc-miss", "bus"});
  const v1::EventCounts rows = counting.Of(0, 1, 1'000'000);
  EXPECT_EQ(rows.count(0), static_cast<uint64_t>(std::llround(1e6 * CoresAtWork(kFour))));
  EXPECT_NEAR(static_cast<double>(rows.count(1)) * 4, static_cast<double>(rows.count(2)), 4);
}

TEST(ModelledCounts, AreAFunctionOfTheSeed) {
  EXPECT_EQ(Counting(2, 5).Of(1, 9).SerializeAsString(),
            Counting(2, 5).Of(1, 9).SerializeAsString());
  EXPECT_NE(Counting(2, 5).Of(1, 9).count(1), Counting(2, 6).Of(1, 9).count(1));
  EXPECT_EQ(Counting(2, 5).Of(1, 9).count(0), Counting(2, 6).Of(1, 9).count(0))
      << "an operator's own deviation is no run's";
}

TEST(ModelledCounts, SayWhatTheyAre) {
  const v1::CountedEvents counted = Counting(1).counts.Counted();
  ASSERT_EQ(counted.events_size(), 2);
  EXPECT_EQ(counted.events(1).name(), "bus");
  EXPECT_EQ(counted.events(1).unit(), "modelled");
  EXPECT_EQ(counted.groups(), 1u);
  EXPECT_EQ(counted.threads(), 4u);
}

TEST(ModelledCounts, RefuseWhatHasNoModel) {
  const v1::OperatorTable table = Table(1);
  const OperatorTimes times(table, kFour, 1);
  const auto refused = [&](const std::vector<std::string>& events) {
    return std::string(
        ModelledCounts::Make(events, "net", table, kFour, 1, times).status().message());
  };
  EXPECT_THAT(refused({"simd", "branches"}),
              HasSubstr("--events branches: in virtual time there are simd, bus"));
  EXPECT_THAT(refused({"bus", "bus"}), HasSubstr("bus is given twice"));
}

}  // namespace
}  // namespace synergy::sim
