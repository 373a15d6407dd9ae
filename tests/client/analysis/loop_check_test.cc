#include "client/analysis/loop_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/analysis/experiment_json.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

constexpr int64_t kMs = 1'000'000;

// Operator 0 at 2 W for 1 s from 1 s on, 5 executions a ms; 10 W before and after. Read every ms.
struct Looped {
  RunBuilder builder;
  RunData data;
  RunReport report;

  explicit Looped(double window_s, bool with_markers = true) {
    builder.Rail("VDD");
    const uint32_t channel = builder.Channel("VDD", v1::ChannelInfo::QUANTITY_POWER, 1e-3);
    v1::Window& window = *builder.header().mutable_channels(0)->mutable_window();
    window.set_period_s(window_s);
    window.set_slot_s(window_s);
    window.set_phase_known(true);
    builder.header().mutable_job()->mutable_loop()->set_op(0);
    builder.header().mutable_job()->mutable_loop()->set_seconds(1);
    builder.WriteHeader();
    std::vector<std::pair<int64_t, int64_t>> readings;
    for (int64_t ms = 0; ms < 3000; ++ms) {
      readings.emplace_back(ms * kMs, ms >= 1000 && ms < 2000 ? 2000 : 10000);
    }
    builder.WriteInstants(channel, readings);
    std::vector<Marker> markers = {OperatorMarker(0, 0, 500 * kMs, 501 * kMs)};
    for (int64_t ms = 1000; ms < 2000 && with_markers; ++ms) {
      markers.push_back(OperatorMarker(0, static_cast<uint32_t>(5 * (ms - 1000)), ms * kMs,
                                       (ms + 1) * kMs, v1::PHASE_LOOP));
    }
    builder.Write(markers);
    for (const v1::Chunk& chunk : builder.chunks()) EXPECT_TRUE(data.Add(chunk).ok());
    report = *BuildReport(data, Solve(data));
  }

  // What least squares are to have found.
  LoopCheck CheckBeside(double mean, double half_width) {
    OperatorEnergy energy;
    energy.energy_j = Estimate{.mean = mean, .low = mean - half_width, .high = mean + half_width};
    report.ops.at(0).estimate = {energy};
    return *CheckLoop(data, report);
  }
};

TEST(LoopCheck, IsThePowerOfTheLoopTimesTheTimeOfAnExecution) {
  Looped looped(1e-3);
  const LoopCheck check = looped.CheckBeside(410e-6, 20e-6);
  EXPECT_EQ(check.op, 0u);
  EXPECT_EQ(check.executions, 4995u);
  EXPECT_NEAR(check.time_s, 0.2e-3, 1e-9);
  EXPECT_NEAR(*check.network_time_s, 1e-3, 1e-9);
  ASSERT_EQ(check.rails.size(), 1u);
  EXPECT_NEAR(check.rails[0].looped_j->mean, 400e-6, 1e-9) << "2 W for 0.2 ms";
  EXPECT_NEAR(check.rails[0].looped_j->half_width(), 0.1e-6, 1e-9) << "half a step of 1 mW";
  EXPECT_NEAR(check.rails[0].difference_j->mean, -10e-6, 1e-9);
  EXPECT_TRUE(check.rails[0].agrees());
}

TEST(LoopCheck, DoesNotAgreeBeyondTheIntervalOfTheDifference) {
  Looped looped(1e-3);
  EXPECT_FALSE(looped.CheckBeside(450e-6, 20e-6).rails[0].agrees());
}

// 2 W in the loop for 0.2 ms; in the network an execution takes 1 ms. The energies are not those of
// the same time, and the powers say whether the attribution is right.
TEST(LoopCheck, PowersAgreeWhereAnExecutionTakesLongerInOneOfThem) {
  Looped looped(1e-3);
  LoopCheck check = looped.CheckBeside(2.02e-3, 30e-6);
  EXPECT_FALSE(check.rails[0].agrees());
  EXPECT_NEAR(check.rails[0].looped_w->mean, 2, 1e-6);
  EXPECT_NEAR(check.rails[0].attributed_w->mean, 2.02, 1e-6);
  EXPECT_NEAR(check.rails[0].attributed_w->half_width(), 0.03, 1e-6);
  EXPECT_NEAR(check.rails[0].difference_w->mean, -0.02, 1e-6);
  EXPECT_TRUE(check.rails[0].powers_agree());
  check = looped.CheckBeside(2.04e-3, 30e-6);
  EXPECT_FALSE(check.rails[0].powers_agree());
}

// 2.02 W are not within 2 W +- 1 mW, but a board that drifts by 30 mW has that at the end.
TEST(LoopCheck, AllowsForTheDriftDuringTheIterations) {
  Looped looped(1e-3);
  EXPECT_FALSE(looped.CheckBeside(2.02e-3, 1e-6).rails[0].powers_agree());
  RailEnergy rail;
  rail.drift_w.mean = 0.03;
  looped.report.estimates = {rail};
  const LoopCheck::Rail drifted = looped.CheckBeside(2.02e-3, 1e-6).rails[0];
  EXPECT_TRUE(drifted.powers_agree());
  EXPECT_NEAR(drifted.difference_j->half_width(), 0.2e-3 * 0.03 + std::hypot(0.1e-6, 1e-6), 1e-9);
}

TEST(LoopCheck, WhatTheSensorHoldsOfTheTimeBeforeIsLeftOut) {
  // 100 ms windows: from 1300 to 1899 ms.
  const LoopCheck check = Looped(0.1).CheckBeside(400e-6, 20e-6);
  EXPECT_NEAR(check.rails[0].looped_j->mean, 400e-6, 1e-9);
}

TEST(LoopCheck, IsNotKnownWhereTheLoopIsShorterThanTheSensorsWindows) {
  const LoopCheck check = Looped(0.3).CheckBeside(400e-6, 20e-6);
  EXPECT_FALSE(check.rails[0].looped_j.has_value());
  EXPECT_FALSE(check.rails[0].difference_j.has_value());
  EXPECT_FALSE(check.rails[0].agrees());
}

TEST(LoopCheck, AnOperatorInAGroupHasNothingToCompareWith) {
  Looped looped(1e-3);
  OperatorEnergy grouped;
  grouped.group = 0;
  looped.report.ops.at(0).estimate = {grouped};
  const LoopCheck check = *CheckLoop(looped.data, looped.report);
  EXPECT_TRUE(check.rails[0].looped_j.has_value());
  EXPECT_FALSE(check.rails[0].difference_j.has_value());
  EXPECT_TRUE(check.rails[0].looped_w.has_value());
  EXPECT_FALSE(check.rails[0].difference_w.has_value());
}

TEST(LoopCheck, SaysThatNothingWasRepeated) {
  const LoopCheck check = Looped(1e-3, /*with_markers=*/false).CheckBeside(400e-6, 20e-6);
  EXPECT_EQ(check.executions, 0u);
}

TEST(LoopJson, HasBothValuesAndWhetherTheyAgree) {
  Looped looped(1e-3);
  looped.report.loop = looped.CheckBeside(410e-6, 20e-6);
  const nlohmann::ordered_json json = LoopJson(looped.report);
  EXPECT_EQ(json["op"], 0);
  EXPECT_EQ(json["asked_s"], 1);
  EXPECT_EQ(json["rails"][0]["rail"], "VDD");
  EXPECT_EQ(json["rails"][0]["agrees"], true);
  EXPECT_NEAR(json["rails"][0]["attributed_j"]["mean"].get<double>(), 410e-6, 1e-12);
  EXPECT_NEAR(json["rails"][0]["power_w"].get<double>(), 2, 1e-6);
  EXPECT_NEAR(json["rails"][0]["attributed_power_w"].get<double>(), 0.41, 1e-6);
  EXPECT_NEAR(json["rails"][0]["power_difference_w"]["mean"].get<double>(), 1.59, 1e-6);
  EXPECT_EQ(json["rails"][0]["powers_agree"], false);
  looped.report.loop.reset();
  EXPECT_TRUE(LoopJson(looped.report).is_null());
}

TEST(PrecisionJson, HasTheBlocksAndWhetherItWasReached) {
  RunReport report;
  EXPECT_TRUE(PrecisionJson(report).is_null());
  report.header.mutable_job()->set_precision(0.02);
  report.header.mutable_board()->add_rails()->set_name("VDD");
  report.end.emplace();
  v1::MeasuredBlock& first = *report.end->add_blocks();
  first.set_iterations(50);
  first.set_rail("VDD");
  first.set_why_not("too few readings");
  v1::MeasuredBlock& second = *report.end->add_blocks();
  second.set_iterations(100);
  second.set_time_s(4);
  second.set_rail("VDD");
  second.set_widest_interval(0.019);
  const nlohmann::ordered_json json = PrecisionJson(report);
  EXPECT_EQ(json["target"], 0.02);
  EXPECT_EQ(json["rails"][0], "VDD");
  EXPECT_EQ(json["max_time_s"], 600);
  EXPECT_EQ(json["reached"], true);
  EXPECT_EQ(json["widest_interval"], 0.019);
  EXPECT_TRUE(json["blocks"][0]["widest_interval"].is_null());
  EXPECT_EQ(json["blocks"][0]["why_not"], "too few readings");
  EXPECT_EQ(json["blocks"][1]["iterations"], 100);
  EXPECT_EQ(json["blocks"][1]["time_s"], 4);
}

}  // namespace
}  // namespace synergy
