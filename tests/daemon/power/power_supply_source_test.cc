#include "daemon/power/power_supply_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "tests/conformance/power_source_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"
#include "tests/support/read_faults.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kGauge[] = "class/power_supply/bms";

struct Bench {
  FakeSysfs tree;
  FakeClock clock;
  ReadFaults faults;
  RailNames names;

  void AddGauge(const FakeSysfs::Files& attributes) {
    tree.Write(std::string(kGauge) + "/type", "Battery");
    tree.Write(std::string(kGauge) + "/status", "Discharging");
    for (const auto& [file, text] : attributes) Set(file, text);
  }
  void Set(const std::string& file, const std::string& text) {
    tree.Write(std::string(kGauge) + "/" + file, text);
  }
  std::unique_ptr<PowerSupplySource> Open() {
    EXPECT_THAT(PowerSupplySource::List(tree.root()), ElementsAre("bms"));
    auto source = PowerSupplySource::Open(tree.root(), "bms", names, clock);
    EXPECT_TRUE(source.ok()) << source.status();
    return *std::move(source);
  }
  int64_t ReadFirst(PowerSupplySource& source) {
    std::vector<ChannelReading> readings;
    EXPECT_TRUE(source.Read(&readings).ok());
    return readings.empty() ? 0 : readings[0].reading.raw;
  }
};

const FakeSysfs::Files kCurrentAndVoltage{{"current_now", "-1500000"}, {"voltage_now", "3800000"}};

SourceUnderTest MakeGauge() {
  auto bench = std::make_shared<Bench>();
  bench->AddGauge(kCurrentAndVoltage);
  SourceUnderTest t;
  t.clock = &bench->clock;
  t.untouchable_before = bench->tree.Contents();
  t.untouchable = [b = bench.get()] { return b->tree.Contents(); };
  t.source = bench->Open();
  t.truth = [](const v1::ChannelInfo& channel) {
    return channel.quantity() == v1::ChannelInfo::QUANTITY_CURRENT ? 1.5 : 3.8;
  };
  t.fail_next = [b = bench.get()](absl::StatusCode code) {
    b->faults.FailNext("current_now", code == absl::StatusCode::kNotFound ? ENODEV : ENODATA);
    return "ENODATA";
  };
  t.vanish = [b = bench.get()] { b->tree.Remove(kGauge); };
  t.come_back = [b = bench.get()] { b->AddGauge(kCurrentAndVoltage); };
  t.bench = std::move(bench);
  return t;
}
INSTANTIATE_TEST_SUITE_P(PowerSupplySource, PowerSourceSuite, testing::Values(&MakeGauge));

TEST(PowerSupplySource, PrefersThePowerWhereTheGaugeShowsIt) {
  Bench bench;
  bench.AddGauge(kCurrentAndVoltage);
  bench.Set("power_now", "5700000");
  auto source = bench.Open();
  ASSERT_EQ(source->channels().size(), 1u);
  EXPECT_EQ(source->channels()[0].quantity(), v1::ChannelInfo::QUANTITY_POWER);
  EXPECT_EQ(bench.ReadFirst(*source), 5'700'000);
}

TEST(PowerSupplySource, TakesCurrentAndVoltageWhereThePowerHasNoValue) {
  Bench bench;
  bench.AddGauge(kCurrentAndVoltage);
  bench.Set("power_now", "");
  EXPECT_EQ(bench.Open()->channels().size(), 2u);
}

TEST(PowerSupplySource, WhatTheBatteryGivesIsPositiveWhateverSignTheDriverUses) {
  Bench bench;
  bench.AddGauge(kCurrentAndVoltage);
  auto source = bench.Open();
  EXPECT_EQ(bench.ReadFirst(*source), 1'500'000) << "as the kernel documents it";
  bench.Set("current_now", "1500000");
  EXPECT_EQ(bench.ReadFirst(*source), 1'500'000) << "a driver that shows magnitudes";
  bench.Set("status", "Charging");
  EXPECT_EQ(bench.ReadFirst(*source), -1'500'000);
  bench.Set("current_now", "-1500000");
  EXPECT_EQ(bench.ReadFirst(*source), -1'500'000);
  bench.Set("status", "Not charging");
  EXPECT_EQ(bench.ReadFirst(*source), 1'500'000);
  bench.Set("status", "Full");
  bench.Set("current_now", "20000");
  EXPECT_EQ(bench.ReadFirst(*source), -20'000);
}

TEST(PowerSupplySource, LeavesChargersAndSuppliesWithoutACurrentAlone) {
  Bench bench;
  bench.AddGauge(kCurrentAndVoltage);
  bench.tree.Write("class/power_supply/usb/type", "USB");
  bench.tree.Write("class/power_supply/usb/current_now", "500000");
  bench.tree.Write("class/power_supply/usb/voltage_now", "5000000");
  bench.tree.Write("class/power_supply/mouse/type", "Battery");
  bench.tree.Write("class/power_supply/mouse/capacity", "50");
  EXPECT_THAT(PowerSupplySource::List(bench.tree.root()), ElementsAre("bms"));
}

TEST(PowerSupplySource, ReadsAGaugeOfTypeBmsWhereNoBatteryTells) {
  Bench bench;
  const auto set = [&](const std::string& supply, const std::string& file, const char* text) {
    bench.tree.Write("class/power_supply/" + supply + "/" + file, text);
  };
  set("bms", "type", "BMS");
  set("bms", "status", "Discharging");
  set("bms", "current_now", "500000");
  set("bms", "voltage_now", "4000000");
  set("battery", "type", "Battery");
  set("battery", "capacity", "50");
  set("usb", "type", "USB");
  EXPECT_THAT(PowerSupplySource::List(bench.tree.root()), ElementsAre("bms"));
  EXPECT_THAT(PowerSupplySource::ListUnread(bench.tree.root()),
              ElementsAre(HasSubstr("power_supply battery: shows neither power")));
  set("battery", "power_now", "2000000");
  EXPECT_THAT(PowerSupplySource::List(bench.tree.root()), ElementsAre("battery"));
  EXPECT_THAT(PowerSupplySource::ListUnread(bench.tree.root()),
              ElementsAre(HasSubstr("power_supply bms: a gauge of type BMS, which measures again "
                                    "what power_supply battery does")));
}

TEST(PowerSupplySource, MeasuresHowOftenTheGaugeUpdatesAndReadsTwiceAsOften) {
  Bench bench;
  bench.AddGauge(kCurrentAndVoltage);
  auto source = bench.Open();
  EXPECT_DOUBLE_EQ(source->max_rate_hz(), 10);
  EXPECT_THAT(source->Remarks(), ElementsAre(HasSubstr("not known")));
  // A new value each 1.5 s; a constant one for 6 s in between.
  for (int tick = 0; tick < 300; ++tick) {
    const int update = tick / 15;
    bench.Set("current_now", std::to_string(-1'500'000 - (update < 8 || update > 12 ? update : 8)));
    bench.ReadFirst(*source);
    bench.clock.Advance(Milliseconds(100));
  }
  ASSERT_TRUE(source->update_hz().has_value());
  EXPECT_NEAR(*source->update_hz(), 1 / 1.5, 1e-9);
  EXPECT_DOUBLE_EQ(source->max_rate_hz(), 2);
  EXPECT_THAT(source->Remarks(), ElementsAre(HasSubstr("0.7 times a second")));
}

TEST(PowerSupplySource, NeverReadsMoreThanTenTimesASecond) {
  Bench bench;
  bench.AddGauge(kCurrentAndVoltage);
  auto source = bench.Open();
  for (int i = 0; i < 50; ++i) {
    bench.Set("current_now", std::to_string(-1'000'000 - i));
    bench.ReadFirst(*source);
    bench.clock.Advance(Milliseconds(20));
  }
  EXPECT_DOUBLE_EQ(source->max_rate_hz(), 10);
}

}  // namespace
}  // namespace synergy
