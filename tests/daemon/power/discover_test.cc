#include "daemon/power/discover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <utility>

#include "tests/conformance/power_source_suite.h"
#include "tests/daemon/power/fake_ina3221_hwmon.h"
#include "tests/support/fake_clock.h"
#include "tests/support/read_faults.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As a Raspberry Pi 5 prints it, shortened.
constexpr char kPmic[] =
    " 3V7_WL_SW_A current(0)=0.00195186A\n"
    "  VDD_CORE_A current(7)=1.25000000A\n"
    " 3V7_WL_SW_V volt(8)=3.71740800V\n"
    "  VDD_CORE_V volt(15)=0.72124210V\n"
    "     EXT5V_V volt(24)=5.10000000V\n"
    "      BATT_V volt(25)=0.00292968V\n";

struct PmicBench {
  FakeClock clock;
  RailNames names;
  absl::Status failure;
  std::string text = kPmic;

  absl::StatusOr<FoundSource> Open() {
    return VcgencmdSource::Open(
        [this]() -> absl::StatusOr<std::string> {
          if (!failure.ok()) return std::exchange(failure, absl::OkStatus());
          return text;
        },
        names, clock);
  }
};

SourceUnderTest MakePmic() {
  auto bench = std::make_shared<PmicBench>();
  SourceUnderTest t;
  t.clock = &bench->clock;
  auto found = bench->Open();
  EXPECT_TRUE(found.ok()) << found.status();
  t.source = std::move(found->source);
  t.fail_next = [b = bench.get()](absl::StatusCode code) {
    b->failure = absl::Status(code, "the firmware did not answer");
    return "firmware";
  };
  t.truth = [](const v1::ChannelInfo& channel) {
    const bool current = channel.quantity() == v1::ChannelInfo::QUANTITY_CURRENT;
    if (channel.rail() == "VDD_CORE") return current ? 1.25 : 0.7212421;
    return current ? 0.00195186 : 3.717408;
  };
  t.bench = std::move(bench);
  return t;
}
INSTANTIATE_TEST_SUITE_P(VcgencmdSource, PowerSourceSuite, testing::Values(&MakePmic));

TEST(VcgencmdSource, ReadsWhatThePmicPrints) {
  const auto readings = ParsePmicUntrusted(kPmic);
  ASSERT_TRUE(readings.ok()) << readings.status();
  ASSERT_EQ(readings->size(), 6u);
  EXPECT_EQ((*readings)[0].rail, "3V7_WL_SW");
  EXPECT_TRUE((*readings)[0].current);
  EXPECT_EQ((*readings)[0].raw, 195'186);
  EXPECT_EQ((*readings)[4].rail, "EXT5V");
  EXPECT_FALSE((*readings)[4].current);
  EXPECT_EQ((*readings)[4].raw, 510'000'000);
}

TEST(VcgencmdSource, RefusesWhatIsNoReadingWithTheLine) {
  for (const std::string bad :
       {"", "error=1 error_msg=\"Command not registered\"", "VDD_CORE_A current(7)=1.25A",
        "VDD_CORE_A volt(7)=1.25000000V", "VDD_CORE_A current(7)=1.25000000V",
        "VDD_CORE current(7)=1.25000000A", "_A current(7)=1.25000000A",
        "VDD_CORE_A current(7)=1.2500000xA", "VDD_CORE_A=current(7)"}) {
    EXPECT_EQ(ParsePmicUntrusted(bad).status().code(), absl::StatusCode::kDataLoss) << bad;
  }
}

TEST(VcgencmdSource, RailsWithoutACurrentHaveNoPower) {
  PmicBench bench;
  const auto found = bench.Open();
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->source->channels().size(), 4u);
  EXPECT_DOUBLE_EQ(found->source->max_rate_hz(), 10);
}

TEST(VcgencmdSource, AnInputThatIsNotPrintedCostsThatInputAlone) {
  PmicBench bench;
  const auto found = bench.Open();
  ASSERT_TRUE(found.ok());
  bench.text.erase(0, bench.text.find('\n') + 1);
  std::vector<ChannelReading> readings;
  const absl::Status status = found->source->Read(&readings);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("1 of 4 inputs"));
  EXPECT_EQ(readings.size(), 3u);
}

std::vector<std::string> NamesOf(const DiscoveredSources& found) {
  std::vector<std::string> names;
  for (const FoundSource& source : found.sources) names.push_back(source.source->name());
  return names;
}

TEST(DiscoverSources, FindsEverySourceAndSaysWhyOthersAreNotUsed) {
  FakeIna3221Hwmon chip;  // hwmon2
  FakeClock clock;
  chip.tree.AddHwmon(0, "devices/thermal", "coretemp", {{"temp1_input", "40000"}});
  chip.tree.AddHwmon(3, "devices/i2c-1/1-0044", "ina226", {{"power1_input", "5000000"}});
  chip.tree.AddHwmon(4, "devices/i2c-1/1-0041", "ina3221",
                     {{"curr1_input", "1"}, {"in1_input", "1"}, {"in1_enable", "0"}});
  chip.tree.Write("class/powercap/intel-rapl:0/name", "package-0");
  chip.tree.Write("class/powercap/intel-rapl:0/energy_uj", "5");
  chip.tree.Write("class/powercap/intel-rapl:0/max_energy_range_uj", "1000000");
  chip.tree.Write("class/power_supply/BAT0/type", "Battery");
  chip.tree.Write("class/power_supply/BAT0/status", "Discharging");
  chip.tree.Write("class/power_supply/BAT0/power_now", "9000000");
  chip.tree.Write("class/power_supply/bms/type", "BMS");
  chip.tree.Write("class/power_supply/bms/power_now", "9000000");
  const DiscoveredSources found =
      DiscoverSources(chip.tree.root(), chip.settings, clock, {},
                      []() -> absl::StatusOr<std::string> { return kPmic; });
  EXPECT_THAT(NamesOf(found), ElementsAre("ina3221 1-0040", "ina226 1-0044", "rapl",
                                          "power_supply BAT0", "vcgencmd pmic_read_adc"));
  EXPECT_THAT(found.unused, ElementsAre(HasSubstr("coretemp thermal: shows neither power"),
                                        HasSubstr("ina3221 1-0041: all channels are switched off"),
                                        HasSubstr("power_supply bms: a gauge of type BMS")));
  std::set<std::string> rails;
  for (const FoundSource& source : found.sources) {
    EXPECT_FALSE(source.rails.empty());
    std::set<std::string> of_channels, of_source;
    for (const v1::ChannelInfo& channel : source.source->channels()) {
      of_channels.insert(channel.rail());
    }
    for (const v1::RailInfo& rail : source.rails) {
      of_source.insert(rail.name());
      EXPECT_TRUE(rails.insert(rail.name()).second) << rail.name();
    }
    EXPECT_EQ(of_channels, of_source);
  }
}

TEST(DiscoverSources, SaysWhatWasNotPermitted) {
  FakeIna3221Hwmon chip;
  FakeClock clock;
  ReadFaults faults;
  chip.tree.Write("class/powercap/intel-rapl:0/name", "package-0");
  chip.tree.Write("class/powercap/intel-rapl:0/energy_uj", "5");
  faults.Set([](const std::string& path) { return path.ends_with("energy_uj") ? EACCES : 0; });
  const DiscoveredSources found = DiscoverSources(chip.tree.root(), chip.settings, clock, {});
  EXPECT_THAT(NamesOf(found), ElementsAre("ina3221 1-0040"));
  EXPECT_THAT(found.unused, ElementsAre(HasSubstr("run synergyd as root")));
}

TEST(DiscoverSources, FindsNothingInAnEmptyTree) {
  FakeSysfs tree;
  FakeSettings settings;
  FakeClock clock;
  const DiscoveredSources found = DiscoverSources(tree.root(), settings, clock, {});
  EXPECT_THAT(found.sources, IsEmpty());
  EXPECT_THAT(found.unused, IsEmpty());
}

}  // namespace
}  // namespace synergy
