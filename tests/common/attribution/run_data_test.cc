#include "common/attribution/run_data.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "common/attribution/power_integral.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;
using Quantity = v1::ChannelInfo;

// Adds every chunk; all must be taken.
RunData Take(const RunBuilder& run) {
  RunData data;
  for (const v1::Chunk& chunk : run.chunks()) {
    const absl::Status status = data.Add(chunk);
    EXPECT_TRUE(status.ok()) << status;
  }
  return data;
}

// What the last chunk of the run is answered with; the others must be taken.
absl::Status AddLast(const RunBuilder& run) {
  RunData data;
  for (size_t i = 0; i + 1 < run.chunks().size(); ++i) {
    EXPECT_TRUE(data.Add(run.chunks()[i]).ok());
  }
  const uint64_t before = data.next_seq();
  absl::Status status = data.Add(run.chunks().back());
  if (!status.ok()) {
    EXPECT_EQ(data.next_seq(), before);
  }
  return status;
}

class RunDataTest : public testing::Test {
 protected:
  RunDataTest() {
    run_.Rail("VDD_IN").Rail("VDD_CPU");
    current_ = run_.Channel("VDD_IN", Quantity::QUANTITY_CURRENT, 0.001);
    voltage_ = run_.Channel("VDD_IN", Quantity::QUANTITY_VOLTAGE, 0.008);
    run_.header().set_run_id("r1");
    run_.WriteHeader();
  }
  RunBuilder run_;
  uint32_t current_, voltage_;
};

TEST_F(RunDataTest, AddsUpWhatWasCountedOfAnOperator) {
  v1::RunRecord record;
  for (const uint32_t iteration : {0u, 1u}) {
    v1::EventCounts& rows = *record.mutable_counts();
    rows.Clear();
    for (const uint32_t event : {0u, 2u}) {
      rows.add_iteration(iteration);
      rows.add_op(5);
      rows.add_event(event);
      rows.add_count(10 * (iteration + 1) + event);
    }
    run_.Write(record);
  }
  const RunData data = Take(run_);
  ASSERT_EQ(data.counts().size(), 2u);
  const EventTotals& totals = data.counts().at({5, 2});
  EXPECT_EQ(totals.executions, 2u);
  EXPECT_EQ(totals.sum, 12 + 22);
  EXPECT_EQ(totals.squares, 12 * 12 + 22 * 22);
}

TEST_F(RunDataTest, RefusesCountsThatAreNoRows) {
  v1::RunRecord record;
  record.mutable_counts()->add_op(1);
  record.mutable_counts()->add_count(1);
  run_.Write(record);
  EXPECT_TRUE(absl::IsDataLoss(AddLast(run_)));
}

TEST_F(RunDataTest, KeepsEverythingThatTheChunksSay) {
  v1::RunRecord record;
  record.mutable_phase()->set_phase(v1::PHASE_SETUP);
  run_.Write(record);
  record.mutable_gap()->set_count(3);
  run_.Write(record);
  record.mutable_notice()->set_code("simulated_clock");
  run_.Write(record);
  record.mutable_operators()->add_operators()->set_name("conv1");
  run_.Write(record);
  run_.Write({OperatorMarker(0, 0, 10, 20), OperatorMarker(1, 0, 20, 30)});
  run_.WriteInstants(current_, {{5, 100}, {15, 110}});
  run_.WriteEnd(v1::JOB_STATE_DONE);

  const RunData data = Take(run_);
  EXPECT_EQ(data.header()->run_id(), "r1");
  ASSERT_EQ(data.phases().size(), 1u);
  ASSERT_EQ(data.gaps().size(), 1u);
  EXPECT_EQ(data.gaps()[0].count(), 3u);
  ASSERT_EQ(data.notices().size(), 1u);
  ASSERT_EQ(data.operators().size(), 1u);
  EXPECT_EQ(data.operators()[0].name(), "conv1");
  EXPECT_EQ(data.markers().size(), 2u);
  EXPECT_EQ(data.readings().at(current_).size(), 2u);
  EXPECT_TRUE(data.lost().empty());
  EXPECT_EQ(data.next_seq(), run_.chunks().size());
  EXPECT_FALSE(data.partial());
}

TEST_F(RunDataTest, WithoutAnEndOrWithAnotherEndThanDoneIsPartial) {
  EXPECT_TRUE(Take(run_).partial());
  EXPECT_EQ(Take(run_).end(), nullptr);
  run_.WriteEnd(v1::JOB_STATE_CANCELLED);
  EXPECT_TRUE(Take(run_).partial());
  EXPECT_NE(Take(run_).end(), nullptr);
}

TEST_F(RunDataTest, IgnoresAChunkThatComesTwiceAndRefusesADifferentOneInItsPlace) {
  run_.WriteInstants(current_, {{5, 100}});
  RunData data = Take(run_);
  EXPECT_TRUE(data.Add(run_.chunks()[1]).ok());
  EXPECT_TRUE(data.Add(run_.chunks()[0]).ok());
  EXPECT_EQ(data.readings().at(current_).size(), 1u);

  const v1::Chunk other = MakeChunk(1, current_, 0, 1, v1::ENCODING_READINGS,
                                    EncodeReadings({{5, 5, 101, Freshness::kFresh}}));
  const absl::Status status = data.Add(other);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.ToString(), HasSubstr("chunk 1 came twice with different content"));
}

TEST_F(RunDataTest, RefusesAHoleAndNamesTheMissingChunk) {
  run_.WriteInstants(current_, {{5, 100}});
  run_.WriteInstants(current_, {{6, 100}});
  RunData data;
  ASSERT_TRUE(data.Add(run_.chunks()[0]).ok());
  const absl::Status status = data.Add(run_.chunks()[2]);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(status.ToString(), HasSubstr("chunk 2 came where chunk 1 was expected"));
  EXPECT_TRUE(data.Add(run_.chunks()[1]).ok());
  EXPECT_TRUE(data.Add(run_.chunks()[2]).ok());
}

TEST_F(RunDataTest, CountsRecordsThatTheDeviceDropped) {
  run_.WriteInstants(current_, {{5, 100}});
  run_.Lose(current_, 7);
  run_.WriteInstants(current_, {{15, 100}});
  const RunData data = Take(run_);
  ASSERT_EQ(data.lost().size(), 1u);
  EXPECT_EQ(data.lost()[0].channel, current_);
  EXPECT_EQ(data.lost()[0].first_sequence, 1u);
  EXPECT_EQ(data.lost()[0].count, 7u);
}

TEST_F(RunDataTest, RefusesReadingsThatCannotBeTrueAndTakesNothingOfThem) {
  const auto refusal = [&](auto write) {
    RunBuilder run = run_;
    write(run);
    return AddLast(run).ToString();
  };
  EXPECT_THAT(refusal([&](auto& r) {
                r.WriteInstants(current_ + 50, {{1, 1}});
              }),
              HasSubstr("header does not have this channel"));
  EXPECT_THAT(refusal([&](auto& r) {
                r.WriteInstants(current_, {{9, 1}, {8, 1}});
              }),
              HasSubstr("goes back in time"));
  EXPECT_THAT(refusal([&](auto& r) {
                r.WriteInstants(current_, {{1, 1}});
                r.WriteInstants(current_, {{0, 1}});
              }),
              HasSubstr("goes back in time"));
  EXPECT_THAT(refusal([&](auto& r) {
                r.WriteInstants(current_, {{-4, 1}});
              }),
              HasSubstr("from -4"));
  EXPECT_THAT(refusal([&](auto& r) {
                r.Write(current_, std::vector<Reading>{{9, 8, 0, Freshness::kFresh}});
              }),
              HasSubstr("from 9 to 8 ns"));
}

TEST_F(RunDataTest, RefusesMarkersAndRecordsThatCannotBeTrue) {
  const auto refusal = [&](auto write) {
    RunBuilder run = run_;
    write(run);
    return AddLast(run).ToString();
  };
  EXPECT_THAT(refusal([&](auto& r) { r.Write({OperatorMarker(3, 0, -9, 5)}); }),
              HasSubstr("operator 3 runs from -9"));
  EXPECT_THAT(refusal([&](auto& r) { r.WriteHeader(); }), HasSubstr("second header"));
  EXPECT_THAT(refusal([&](auto& r) {
                v1::RunRecord table;
                table.mutable_operators()->add_operators()->set_index(4);
                r.Write(table);
              }),
              HasSubstr("operator 4 in place 0"));
  EXPECT_THAT(refusal([&](auto& r) {
                r.WriteEnd(v1::JOB_STATE_DONE);
                r.WriteInstants(current_, {{1, 1}});
              }),
              HasSubstr("follows the end of the run"));
}

TEST_F(RunDataTest, RefusesARunWithoutItsHeaderOrWithAnImpossibleOne) {
  RunBuilder headless;
  headless.Write({OperatorMarker(0, 0, 1, 2)});
  EXPECT_THAT(AddLast(headless).ToString(), HasSubstr("does not begin with its header"));
  RunBuilder empty;
  empty.Write(v1::RunRecord());
  EXPECT_THAT(AddLast(empty).ToString(), HasSubstr("does not begin with its header"));

  const auto with_channel = [](uint32_t number, double scale) {
    RunBuilder run;
    run.Channel("VDD", Quantity::QUANTITY_POWER, scale);
    run.header().mutable_channels(0)->set_channel(number);
    run.WriteHeader();
    return AddLast(run).ToString();
  };
  EXPECT_THAT(with_channel(1, 1), HasSubstr("channel 1, which is taken"));
  for (const double scale : {0.0, -1.0, 1e300, std::nan("")}) {
    EXPECT_THAT(with_channel(2, scale), HasSubstr("the scale"));
  }
  RunBuilder rails;
  for (int i = 0; i < 65; ++i) rails.Rail(fmt::format("R{}", i));
  rails.WriteHeader();
  EXPECT_THAT(AddLast(rails).ToString(), HasSubstr("65 rails"));
}

TEST_F(RunDataTest, PowerIsCurrentTimesTheVoltageAtThatTime) {
  run_.WriteInstants(voltage_, {{10, 1000}, {20, 2000}});  // 8 V, 16 V
  run_.WriteInstants(current_,
                     {{5, 1000}, {10, 1000}, {15, 1000}, {30, 500}});  // 1 A, at last 0.5 A
  const std::vector<RailPower> power = Take(run_).Power();
  ASSERT_EQ(power.size(), 2u);
  EXPECT_EQ(power[0].rail, "VDD_IN");
  ASSERT_EQ(power[0].samples.size(), 4u);
  EXPECT_DOUBLE_EQ(power[0].samples[0].power_w, 8);  // before the first voltage: the nearest
  EXPECT_DOUBLE_EQ(power[0].samples[1].power_w, 8);
  EXPECT_DOUBLE_EQ(power[0].samples[2].power_w, 12);  // half way
  EXPECT_DOUBLE_EQ(power[0].samples[3].power_w, 8);   // 16 V x 0.5 A
  EXPECT_EQ(power[0].samples[3].at_ns, 30);
  EXPECT_EQ(power[1].rail, "VDD_CPU");
  EXPECT_TRUE(power[1].samples.empty());
}

TEST_F(RunDataTest, ARailWithoutVoltageReadingsHasNoPower) {
  run_.WriteInstants(current_, {{5, 1000}});
  EXPECT_TRUE(Take(run_).Power()[0].samples.empty());
}

TEST(RunDataPower, APowerChannelGoesBeforeCurrentTimesVoltageAndStampsTheMiddleOfTheRead) {
  RunBuilder run;
  run.Rail("VDD");
  run.Channel("VDD", Quantity::QUANTITY_CURRENT, 1);
  run.Channel("VDD", Quantity::QUANTITY_VOLTAGE, 1);
  const uint32_t power = run.Channel("VDD", Quantity::QUANTITY_POWER, 0.5);
  run.WriteHeader();
  run.Write(power, std::vector<Reading>{{100, 300, 7, Freshness::kUnknown}});
  const std::vector<RailPower> rails = Take(run).Power();
  ASSERT_EQ(rails[0].samples.size(), 1u);
  EXPECT_EQ(rails[0].samples[0].at_ns, 200);
  EXPECT_DOUBLE_EQ(rails[0].samples[0].power_w, 3.5);
}

TEST(RunDataPower, ACounterOfEnergyGivesItsMeanPowerBetweenUpdates) {
  RunBuilder run;
  run.Rail("package-0");
  const uint32_t energy = run.Channel("package-0", Quantity::QUANTITY_ENERGY_COUNTER, 1e-6);
  run.WriteHeader();
  // 2 W, then 4 W; the second reading repeats the first's update.
  run.WriteInstants(
      energy,
      {{0, 5'000'000}, {500'000, 5'000'000}, {1'000'000, 5'002'000}, {2'000'000, 5'006'000}});
  const std::vector<RailPower> rails = Take(run).Power();
  const std::vector<PowerSample>& samples = rails[0].samples;
  ASSERT_EQ(samples.size(), 4u) << "one at either end of a span";
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(samples[i].at_ns, (std::array<int64_t, 4>{0, 1'000'000, 1'000'000, 2'000'000}[i]));
    EXPECT_DOUBLE_EQ(samples[i].power_w, i < 2 ? 2 : 4);
  }
  EXPECT_DOUBLE_EQ(PowerIntegral(samples, 0).Advance(2'000'000), 6e-3) << "what was counted";
}

TEST(RunDataPower, OverWindowsThatAreKnownTheIntegralIsWhatTheySay) {
  RunBuilder run;
  run.Rail("supply");
  const uint32_t power = run.Channel("supply", Quantity::QUANTITY_POWER, 1e-3);
  run.header().mutable_channels(0)->mutable_window()->set_stamps_are_window(true);
  run.WriteHeader();
  // Two that touch, and one behind a hole.
  run.Write(power, {{0, 1'000'000, 2'000, Freshness::kFresh},
                    {1'000'000, 2'000'000, 4'000, Freshness::kFresh},
                    {3'000'000, 4'000'000, 6'000, Freshness::kFresh}});
  const std::vector<RailPower> rails = Take(run).Power();
  const std::vector<PowerSample>& samples = rails[0].samples;
  EXPECT_NEAR(PowerIntegral(samples, 0).Advance(2'000'000), 6e-3, 1e-15);
  EXPECT_NEAR(PowerIntegral(samples, 0).Advance(4'000'000), 17e-3, 1e-15) << "a line over the hole";
  PowerIntegral parts(samples, 500'000);
  EXPECT_NEAR(parts.Advance(700'000), 2 * 200e-6, 1e-15);
  EXPECT_NEAR(parts.Advance(1'250'000), 2 * 300e-6 + 4 * 250e-6, 1e-15);
  EXPECT_NEAR(parts.Advance(2'500'000), 4 * 750e-6 + 4.5 * 500e-6, 1e-15);
  EXPECT_TRUE(PowerIntegral::Covers(samples, -kMaxHold.count, 4'000'000 + kMaxHold.count));
  EXPECT_FALSE(PowerIntegral::Covers(samples, 0, 4'000'001 + kMaxHold.count));
}

TEST(RunDataPower, ACounterThatStandsStillIsZeroAndOneThatWasResetIsNoNegativePower) {
  RunBuilder run;
  run.Rail("idle").Rail("reset");
  const uint32_t idle = run.Channel("idle", Quantity::QUANTITY_ENERGY_COUNTER, 1e-6);
  const uint32_t reset = run.Channel("reset", Quantity::QUANTITY_ENERGY_COUNTER, 1e-6);
  run.WriteHeader();
  run.WriteInstants(idle, {{0, 7}, {1'000'000, 7}, {2'000'000, 7}});
  run.WriteInstants(reset, {{0, 9'000}, {1'000'000, 100}, {2'000'000, 1'100}});
  const std::vector<RailPower> rails = Take(run).Power();
  ASSERT_EQ(rails[0].samples.size(), 2u);
  EXPECT_EQ(rails[0].samples[0].power_w, 0);
  EXPECT_EQ(rails[0].samples[1].at_ns, 2'000'000);
  ASSERT_EQ(rails[1].samples.size(), 2u);
  EXPECT_DOUBLE_EQ(rails[1].samples[0].power_w, 1);
}

TEST(RunDataPower, IsEmptyBeforeTheHeader) { EXPECT_TRUE(RunData().Power().empty()); }

}  // namespace
}  // namespace synergy
