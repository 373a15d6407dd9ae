#include "client/analysis/run_conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/support/run_builder.h"

namespace synergy {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// 1 s idle, 1 s of setup, 2 s measured, 1 s idle; one rail in mW.
class RunConditionsTest : public testing::Test {
 protected:
  RunConditionsTest() {
    run_.Rail("VDD_IN");
    channel_ = run_.Channel("VDD_IN", v1::ChannelInfo::QUANTITY_POWER, 1e-3);
    run_.header().mutable_job()->set_idle_s(1);
    run_.WriteHeader();
    Phase(v1::PHASE_IDLE, 0);
    Phase(v1::PHASE_SETUP, kSecond);
    Phase(v1::PHASE_MEASURE, 2 * kSecond);
    Phase(v1::PHASE_IDLE, 4 * kSecond);
  }
  void Phase(v1::Phase phase, int64_t at_ns) {
    v1::RunRecord record;
    record.mutable_phase()->set_phase(phase);
    record.mutable_phase()->set_at_ns(at_ns);
    run_.Write(record);
  }
  void Conditions(int64_t at_ns, int64_t hz, int millidegrees, uint64_t throttles) {
    v1::RunRecord record;
    v1::Conditions& now = *record.mutable_conditions();
    now.set_at_ns(at_ns);
    now.add_frequencies()->set_clock("policy0");
    now.mutable_frequencies(0)->set_hz(hz);
    now.add_temperatures()->set_zone("CPU-therm");
    now.mutable_temperatures(0)->set_millidegrees(millidegrees);
    now.add_throttles()->set_what("cpu0 core_throttle_count");
    now.mutable_throttles(0)->set_value(throttles);
    run_.Write(record);
  }
  RunConditions Result(bool with_end = true) {
    if (with_end) {
      v1::RunRecord record;
      record.mutable_end()->set_state(v1::JOB_STATE_DONE);
      record.mutable_end()->set_end_ns(5 * kSecond);
      run_.Write(record);
    }
    RunData data;
    for (const v1::Chunk& chunk : run_.chunks()) EXPECT_TRUE(data.Add(chunk).ok());
    return ConditionsOf(data);
  }

  RunBuilder run_;
  uint32_t channel_ = 0;
};

TEST_F(RunConditionsTest, ClocksAreThoseOfTheMeasuredPhaseWithWhatHeldAtItsBegin) {
  Conditions(0, 102000000, 40000, 0);
  Conditions(kSecond + 1, 1224000000, 41000, 0);
  Conditions(3 * kSecond, 825600000, 52000, 2);
  Conditions(4 * kSecond + 1, 102000000, 50000, 2);
  const RunConditions result = Result();
  ASSERT_EQ(result.clocks.size(), 1u);
  EXPECT_EQ(result.clocks[0].clock, "policy0");
  EXPECT_EQ(result.clocks[0].lowest_hz, 825600000);
  EXPECT_EQ(result.clocks[0].highest_hz, 1224000000);
  ASSERT_EQ(result.temperatures.size(), 1u);
  EXPECT_DOUBLE_EQ(result.temperatures[0].begin_c, 40);
  EXPECT_DOUBLE_EQ(result.temperatures[0].end_c, 50);
  EXPECT_DOUBLE_EQ(result.temperatures[0].highest_c, 52);
  ASSERT_EQ(result.throttles.size(), 1u);
  EXPECT_TRUE(result.throttles[0].Throttled());
  EXPECT_EQ(result.throttles[0].end, 2u);
}

TEST_F(RunConditionsTest, AClockThatCannotBeReadIsUnknownAndHasNoFrequency) {
  Conditions(0, 1224000000, 40000, 0);
  Conditions(3 * kSecond, 0, 40000, 0);
  RunConditions result = Result();
  EXPECT_EQ(result.clocks[0].lowest_hz, 1224000000);
  EXPECT_EQ(result.clocks[0].highest_hz, 1224000000);
  EXPECT_TRUE(result.clocks[0].unread);
}

TEST_F(RunConditionsTest, AClockThatWasNeverReadInTheMeasuredPhaseHasNoFrequency) {
  Conditions(0, 1224000000, 40000, 0);
  Conditions(kSecond, 0, 40000, 0);
  RunConditions result = Result();
  EXPECT_FALSE(result.clocks[0].lowest_hz.has_value());
  EXPECT_FALSE(result.clocks[0].highest_hz.has_value());
}

// --idle 0: only as long as the sensors need.
TEST(RunConditions, AJobThatAskedForNoIdleTimeHasNoIdlePower) {
  RunBuilder run;
  run.WriteHeader();
  for (const auto& [phase, at_ns] :
       {std::pair(v1::PHASE_IDLE, int64_t{0}), std::pair(v1::PHASE_SETUP, kSecond / 100),
        std::pair(v1::PHASE_IDLE, kSecond)}) {
    v1::RunRecord record;
    record.mutable_phase()->set_phase(phase);
    record.mutable_phase()->set_at_ns(at_ns);
    run.Write(record);
  }
  RunData data;
  for (const v1::Chunk& chunk : run.chunks()) EXPECT_TRUE(data.Add(chunk).ok());
  EXPECT_FALSE(ConditionsOf(data).idle_before.has_value());
}

TEST_F(RunConditionsTest, IdlePowerIsTheMeanOfEachStretch) {
  // A watt before; three after that fall to one.
  run_.WriteInstants(channel_, {{kSecond / 10, 1000},
                                {kSecond / 2, 1000},
                                {3 * kSecond, 9000},
                                {4 * kSecond + 1, 3000},
                                {5 * kSecond, 1000}});
  const RunConditions result = Result();
  ASSERT_TRUE(result.idle_before && result.idle_after);
  EXPECT_DOUBLE_EQ(result.idle_before->time_s, 1);
  EXPECT_NEAR(*result.idle_before->power_w[0], 1, 1e-9);
  EXPECT_NEAR(*result.idle_after->power_w[0], 2, 1e-6);
}

TEST_F(RunConditionsTest, IdlePowerIsThatWithoutLoadPatterns) {
  for (const int64_t begin : {kSecond / 10, 4 * kSecond + 7 * kSecond / 10}) {
    v1::RunRecord record;
    record.mutable_chirp()->add_edge_ns(begin);
    record.mutable_chirp()->add_edge_ns(begin + kSecond / 5);
    run_.Write(record);
  }
  run_.WriteInstants(channel_, {{kSecond / 5, 7000},
                                {kSecond / 2, 1000},
                                {kSecond - 1, 1000},
                                {4 * kSecond + 1, 2000},
                                {4 * kSecond + kSecond / 2, 2000},
                                {4 * kSecond + 4 * kSecond / 5, 7000}});
  const RunConditions result = Result();
  ASSERT_TRUE(result.idle_before && result.idle_after);
  EXPECT_DOUBLE_EQ(result.idle_before->time_s, 0.7);
  EXPECT_NEAR(*result.idle_before->power_w[0], 1, 1e-9);
  EXPECT_DOUBLE_EQ(result.idle_after->time_s, 0.7);
  EXPECT_NEAR(*result.idle_after->power_w[0], 2, 1e-9);
}

// Ten blocks whose means are 1 W and 2 W in turns: 1.5 W, with t(9) = 2.262 standard errors of
// sqrt(10 / 9) / 2 / sqrt(10) W and half a step of 1 mW.
TEST_F(RunConditionsTest, IdlePowerHasAnIntervalFromTheMeansOfItsBlocks) {
  std::vector<std::pair<int64_t, int64_t>> before;
  for (int64_t i = 0; i < 100; ++i) {
    before.emplace_back(i * kSecond / 100 + 1, i / 10 % 2 == 0 ? 1000 : 2000);
  }
  run_.WriteInstants(channel_, before);
  const RunConditions result = Result();
  ASSERT_TRUE(result.idle_before && result.idle_before->half_width_w[0]);
  EXPECT_NEAR(*result.idle_before->power_w[0], 1.5, 0.01);
  EXPECT_NEAR(*result.idle_before->half_width_w[0], 2.262 / 6 + 0.0005, 1e-3);
  ASSERT_TRUE(result.idle_after.has_value());
  EXPECT_FALSE(result.idle_after->half_width_w[0].has_value()) << "too few readings";
}

// Of the rest the device writes outputs and ends the engine.
TEST_F(RunConditionsTest, IdlePowerAfterTheJobIsThatOfTheTimeThatWasAskedFor) {
  run_.WriteInstants(channel_, {{4 * kSecond + 1, 1000},
                                {4 * kSecond + kSecond / 2, 1000},
                                {5 * kSecond + kSecond / 10, 9000},
                                {6 * kSecond, 9000}});
  v1::RunRecord record;
  record.mutable_end()->set_end_ns(6 * kSecond);
  run_.Write(record);
  const RunConditions result = Result(/*with_end=*/false);
  ASSERT_TRUE(result.idle_after.has_value());
  EXPECT_DOUBLE_EQ(result.idle_after->time_s, 1);
  EXPECT_NEAR(*result.idle_after->power_w[0], 1, 1e-9);
}

TEST_F(RunConditionsTest, WhatWasNotReadIsAbsent) {
  run_.WriteInstants(channel_, {{kSecond / 2, 1000}, {3 * kSecond, 9000}});
  const RunConditions result = Result(/*with_end=*/false);
  ASSERT_TRUE(result.idle_before.has_value());
  EXPECT_FALSE(result.idle_before->power_w[0].has_value()) << "a single reading";
  EXPECT_FALSE(result.idle_after.has_value()) << "nobody knows how long it was";
  EXPECT_TRUE(result.clocks.empty());
}

}  // namespace
}  // namespace synergy
