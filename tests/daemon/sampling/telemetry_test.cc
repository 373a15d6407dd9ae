#include "daemon/sampling/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/sampling/scripted_source.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using Quantity = v1::ChannelInfo;

constexpr int64_t kMillisecond = 1'000'000;

std::vector<std::unique_ptr<PowerSource>> Chip() {
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(std::make_unique<ScriptedSource>(
      "chip",
      std::vector{SensorChannel("VDD_CPU", Quantity::QUANTITY_CURRENT, 0.001),
                  SensorChannel("VDD_IN", Quantity::QUANTITY_CURRENT, 0.001),
                  SensorChannel("VDD_IN", Quantity::QUANTITY_VOLTAGE, 0.008),
                  SensorChannel("OTHER", Quantity::QUANTITY_POWER, 1),
                  SensorChannel("VDD_CPU", Quantity::QUANTITY_ENERGY_COUNTER, 1e-6)},
      [](int, std::vector<ChannelReading>*) { return absl::OkStatus(); }));
  return sources;
}

v1::BoardInfo Board() {
  v1::BoardInfo board;
  v1::RailInfo* cpu = board.add_rails();
  cpu->set_name("VDD_CPU");
  cpu->set_contained_in("VDD_IN");
  board.add_rails()->set_name("VDD_IN");
  return board;
}

class TelemetryTest : public testing::Test {
 protected:
  TelemetryTest()
      : sampler_(Chip(), clock_),
        telemetry_(*Telemetry::Create(Board(), sampler_)),
        reader_(*TelemetryRingReader::Map(telemetry_->ring_fd())) {}

  void Give(uint32_t channel, int64_t at_ns, int64_t raw) {
    clock_.SleepUntil(MonotonicTime{at_ns});
    telemetry_->OnReadings(0, {{channel, {at_ns, at_ns, raw, Freshness::kFresh}}});
  }
  void GiveVolts(int64_t at_ns, int64_t volts) { Give(2, at_ns, volts * 125); }
  void GiveAmperes(int64_t at_ns, int64_t amperes) { Give(1, at_ns, amperes * 1000); }

  std::vector<TelemetryRecord> Records() {
    std::vector<TelemetryRecord> records;
    uint64_t position = 0, lost = 0;
    reader_.Read(&position, 1000, &records, &lost);
    EXPECT_EQ(lost, 0u);
    return records;
  }

  FakeClock clock_{MonotonicTime{0}};
  Sampler sampler_;
  std::unique_ptr<Telemetry> telemetry_;
  TelemetryRingReader reader_;
};

TEST_F(TelemetryTest, ACounterOfEnergyIsThePowerSinceItsLastUpdate) {
  Give(4, 100 * kMillisecond, 5'000);
  Give(4, 101 * kMillisecond, 5'000);  // no update
  Give(4, 102 * kMillisecond, 9'000);  // 4 mJ in 2 ms
  Give(4, 103 * kMillisecond, 100);    // reset by somebody
  Give(4, 104 * kMillisecond, 1'100);  // 1 mJ in 1 ms
  Give(4, 110 * kMillisecond, 1'100);
  const std::vector<TelemetryRecord> records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].rails[0].readings, 2u);
  EXPECT_NEAR(records[0].rails[0].max_w, 2, 1e-9);
  EXPECT_NEAR(records[0].rails[0].min_w, 1, 1e-9);
}

TEST_F(TelemetryTest, GivesMinMeanAndMaxOfTenMilliseconds) {
  GiveVolts(100 * kMillisecond, 10);
  GiveAmperes(101 * kMillisecond, 1);
  GiveAmperes(102 * kMillisecond, 2);
  GiveAmperes(109 * kMillisecond, 6);
  EXPECT_TRUE(Records().empty());
  GiveAmperes(110 * kMillisecond, 3);
  const std::vector<TelemetryRecord> records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].begin_ns, 100 * kMillisecond);
  EXPECT_EQ(records[0].end_ns, 110 * kMillisecond);
  ASSERT_EQ(records[0].rail_count, 2u);
  EXPECT_EQ(records[0].rails[1].readings, 3u);
  EXPECT_DOUBLE_EQ(records[0].rails[1].min_w, 10);
  EXPECT_DOUBLE_EQ(records[0].rails[1].mean_w, 30);
  EXPECT_DOUBLE_EQ(records[0].rails[1].max_w, 60);
}

TEST_F(TelemetryTest, TheNextSpanStartsFromNothing) {
  GiveVolts(0, 10);
  GiveAmperes(kMillisecond, 7);
  GiveAmperes(10 * kMillisecond, 2);
  GiveAmperes(20 * kMillisecond, 1);
  const std::vector<TelemetryRecord> records = Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_GT(records[0].daemon_cpu_ns, 0u);
  EXPECT_GE(records[1].daemon_cpu_ns, records[0].daemon_cpu_ns);
  EXPECT_DOUBLE_EQ(records[1].rails[1].max_w, 20);
  EXPECT_EQ(records[1].rails[1].readings, 1u);
}

TEST_F(TelemetryTest, ARailWithoutVoltageHasNoPower) {
  Give(0, kMillisecond, 500);  // VDD_CPU: its voltage is never read
  GiveAmperes(2 * kMillisecond, 1);
  GiveVolts(11 * kMillisecond, 10);
  const std::vector<TelemetryRecord> records = Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].rails[0].readings, 0u);
  EXPECT_EQ(records[0].rails[1].readings, 0u);
  EXPECT_FALSE(telemetry_->TopRailPower().has_value());
}

TEST_F(TelemetryTest, ALongSilenceIsOneStepAndAGapMovesTimeToo) {
  GiveVolts(0, 10);
  GiveAmperes(5 * kMillisecond, 1);
  GiveAmperes(5'003 * kMillisecond, 1);
  EXPECT_EQ(Records().size(), 1u);
  v1::Gap gap;
  gap.set_end_ns(5'031 * kMillisecond);
  telemetry_->OnGap(0, gap);
  const std::vector<TelemetryRecord> records = Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].begin_ns, 5'000 * kMillisecond);
}

TEST_F(TelemetryTest, SaysWhatTheJobIsDoing) {
  telemetry_->SetActivity("run-1", v1::PHASE_MEASURE, 12, 7);
  GiveVolts(0, 10);
  GiveVolts(10 * kMillisecond, 10);
  telemetry_->SetActivity(std::string(100, 'x'), v1::PHASE_MEASURE, 12, std::nullopt);
  GiveVolts(20 * kMillisecond, 10);
  telemetry_->SetActivity("", v1::PHASE_IDLE, 0, std::nullopt);
  GiveVolts(30 * kMillisecond, 10);
  const std::vector<TelemetryRecord> records = Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_STREQ(records[0].run_id, "run-1");
  EXPECT_EQ(records[0].phase, static_cast<uint32_t>(v1::PHASE_MEASURE));
  EXPECT_EQ(records[0].iteration, 12u);
  EXPECT_EQ(records[0].op, 7u);
  EXPECT_EQ(records[0].in_operator, 1u);
  EXPECT_EQ(std::string(records[1].run_id), std::string(sizeof(records[1].run_id) - 1, 'x'));
  EXPECT_EQ(records[1].in_operator, 0u);
  EXPECT_STREQ(records[2].run_id, "");
}

TEST_F(TelemetryTest, TopRailPowerIsTheMeanOfTheLastHundredMilliseconds) {
  GiveVolts(0, 10);
  for (int64_t ms = 0; ms < 1000; ++ms) GiveAmperes(ms * kMillisecond, ms < 900 ? 1 : 3);
  EXPECT_NEAR(*telemetry_->TopRailPower(), 30, 2);
  clock_.SleepUntil(MonotonicTime{1'050 * kMillisecond});
  EXPECT_NEAR(*telemetry_->TopRailPower(), 30, 1e-9);
}

TEST_F(TelemetryTest, TopRailPowerOfASlowSourceIsItsLastReadingOfTwoSeconds) {
  GiveVolts(0, 10);
  GiveAmperes(0, 2);
  clock_.SleepUntil(MonotonicTime{1'900 * kMillisecond});
  EXPECT_DOUBLE_EQ(telemetry_->TopRailPower().value(), 20);
  clock_.SleepUntil(MonotonicTime{2'100 * kMillisecond});
  EXPECT_FALSE(telemetry_->TopRailPower().has_value());
}

TEST(Telemetry, OfABoardWithoutRailsHasARingAndNoPower) {
  FakeClock clock;
  Sampler sampler({}, clock);
  auto telemetry = Telemetry::Create(v1::BoardInfo(), sampler);
  ASSERT_TRUE(telemetry.ok()) << telemetry.status();
  EXPECT_TRUE(TelemetryRingReader::Map((*telemetry)->ring_fd()).ok());
  EXPECT_FALSE((*telemetry)->TopRailPower().has_value());
}

}  // namespace
}  // namespace synergy
