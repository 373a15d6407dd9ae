// The sources that are made of single attributes: RAPL, other hwmon devices, NVIDIA's IIO driver.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <memory>
#include <utility>

#include "daemon/power/energy_counter.h"
#include "daemon/power/hwmon_power_source.h"
#include "daemon/power/iio_ina3221_source.h"
#include "daemon/power/rapl_source.h"
#include "tests/conformance/power_source_suite.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sysfs.h"
#include "tests/support/read_faults.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Bench {
  FakeSysfs tree;
  FakeClock clock;
  ReadFaults faults;
  RailNames names;
};

// What the suite needs of a source in `bench`'s tree; `file` is one of its attributes.
SourceUnderTest OnTree(std::shared_ptr<Bench> bench, absl::StatusOr<FoundSource> found,
                       FakeSysfs::Files before, std::string file) {
  EXPECT_TRUE(found.ok()) << found.status();
  SourceUnderTest t;
  t.clock = &bench->clock;
  t.source = std::move(found->source);
  t.untouchable_before = std::move(before);
  t.untouchable = [b = bench.get()] { return b->tree.Contents(); };
  t.fail_next = [b = bench.get(), file](absl::StatusCode code) {
    b->faults.FailNext(file, code == absl::StatusCode::kNotFound ? ENODEV : ETIMEDOUT);
    return "ETIMEDOUT";
  };
  t.bench = std::move(bench);
  return t;
}

// RAPL, as powercap.rst lays it out.

constexpr int64_t kRangeUj = 262'143'328'850;

std::string AddZone(FakeSysfs& tree, const std::string& zone, const std::string& name,
                    int64_t energy_uj) {
  const std::string folder = "devices/virtual/powercap/" + zone;
  tree.Write(folder + "/name", name);
  tree.Write(folder + "/energy_uj", std::to_string(energy_uj));
  tree.Write(folder + "/max_energy_range_uj", std::to_string(kRangeUj));
  tree.Link("class/powercap/" + zone, folder);
  return folder;
}

void AddRapl(FakeSysfs& tree) {
  tree.Write("devices/virtual/powercap/intel-rapl/enabled", "1");
  tree.Link("class/powercap/intel-rapl", "devices/virtual/powercap/intel-rapl");
  AddZone(tree, "intel-rapl:0", "package-0", 1'000'000);
  AddZone(tree, "intel-rapl:0:0", "core", 500'000);
  AddZone(tree, "intel-rapl:0:1", "dram", 100'000);
  AddZone(tree, "intel-rapl:1", "psys", 2'000'000);
  AddZone(tree, "intel-rapl-mmio:0", "package-0", 1'000'000);
}

constexpr char kPackage[] = "devices/virtual/powercap/intel-rapl:0/energy_uj";

SourceUnderTest MakeRapl() {
  auto bench = std::make_shared<Bench>();
  AddRapl(bench->tree);
  auto before = bench->tree.Contents();
  auto found = OpenRapl(bench->tree.root(), bench->names, bench->clock);
  SourceUnderTest t = OnTree(bench, std::move(found), std::move(before), "intel-rapl:0/energy_uj");
  t.truth = [](const v1::ChannelInfo& channel) {
    if (channel.rail() == "package-0") return 1.0;
    if (channel.rail() == "package-0 core") return 0.5;
    return channel.rail() == "psys" ? 2.0 : 0.1;
  };
  t.vanish = [b = bench.get()] {
    b->tree.Remove("class/powercap");
    b->tree.Remove("devices/virtual/powercap");
  };
  t.come_back = [b = bench.get()] { AddRapl(b->tree); };
  return t;
}
INSTANTIATE_TEST_SUITE_P(RaplSource, PowerSourceSuite, testing::Values(&MakeRapl));

TEST(RaplSource, NamesItsZonesAndSaysWhatContainsWhat) {
  Bench bench;
  AddRapl(bench.tree);
  EXPECT_TRUE(HasRapl(bench.tree.root()));
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok()) << found.status();
  std::vector<std::string> rails;
  for (const v1::RailInfo& rail : found->rails) {
    rails.push_back(rail.name() + " in " + rail.contained_in());
  }
  EXPECT_THAT(rails, ElementsAre("psys in ", "package-0 in psys", "package-0 core in package-0",
                                 "package-0 dram in psys"))
      << "the zones of intel-rapl-mmio count the same again";
  const v1::ChannelInfo& package = found->source->channels()[0];
  EXPECT_EQ(package.quantity(), v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
  EXPECT_DOUBLE_EQ(package.scale(), 1e-6);
  EXPECT_DOUBLE_EQ(package.window().period_s(), 1e-3);
  EXPECT_EQ(package.source(), "rapl intel-rapl:0");
}

TEST(RaplSource, WrapsOnceAtMaxEnergyRange) {
  Bench bench;
  AddRapl(bench.tree);
  bench.tree.Write(kPackage, std::to_string(kRangeUj - 1'000'000));
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  bench.clock.Advance(Milliseconds(1000));
  ASSERT_TRUE(found->source->Read(&readings).ok());
  const int64_t before = readings[0].reading.raw;
  bench.clock.Advance(Milliseconds(1000));
  bench.tree.Write(kPackage, "2000000");
  for (int i = 0; i < 3; ++i) {
    readings.clear();
    ASSERT_TRUE(found->source->Read(&readings).ok());
    EXPECT_EQ(readings[0].reading.raw - before, 3'000'000) << "3 J, once";
  }
  EXPECT_THAT(found->source->Remarks(), IsEmpty());
}

TEST(RaplSource, AResetIsNoWrapOfAQuarterMegajoule) {
  Bench bench;
  AddRapl(bench.tree);
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  bench.tree.Write(kPackage, "0");
  bench.clock.Advance(Milliseconds(1));
  ASSERT_TRUE(found->source->Read(&readings).ok());
  EXPECT_EQ(readings[0].reading.raw, 1'000'000);
  bench.tree.Write(kPackage, "500");
  ASSERT_TRUE(found->source->Read(&readings).ok());
  EXPECT_EQ(readings[4].reading.raw, 1'000'500);
  EXPECT_THAT(found->source->Remarks(), ElementsAre(HasSubstr("package-0 was reset 1 times")));
}

TEST(RaplSource, TellsWhoMayNotReadToRunAsRoot) {
  Bench bench;
  AddRapl(bench.tree);
  bench.faults.Set(
      [](const std::string& path) { return path.ends_with("energy_uj") ? EACCES : 0; });
  const auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  EXPECT_EQ(found.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(found.status().ToString(), HasSubstr("run synergyd as root"));
  EXPECT_THAT(found.status().ToString(), HasSubstr("rapl"));
}

TEST(RaplSource, TwoWattsForThreeSecondsAreSixJoules) {
  Bench bench;
  AddRapl(bench.tree);
  auto found = OpenRapl(bench.tree.root(), bench.names, bench.clock);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  for (int ms = 0; ms <= 3000; ms += 50) {
    bench.tree.Write(kPackage, std::to_string((1'000'000 + 2000L * ms) % kRangeUj));
    ASSERT_TRUE(found->source->Read(&readings).ok());
    bench.clock.Advance(Milliseconds(50));
  }
  const int64_t used = readings[readings.size() - 4].reading.raw - readings[0].reading.raw;
  EXPECT_DOUBLE_EQ(static_cast<double>(used) * 1e-6, 6.0);
  EXPECT_EQ(readings[4].reading.freshness, Freshness::kFresh);
}

TEST(EnergyCounter, GoesOnAfterAnotherLifeWithoutCountingWhatWasMissed) {
  EnergyCounter counter(0);
  EXPECT_EQ(counter.Advance(100, 0), 100);
  EXPECT_EQ(counter.Advance(150, 1), 150);
  counter.Restart();
  EXPECT_EQ(counter.Advance(5, 2), 150);
  EXPECT_EQ(counter.Advance(7, 3), 152);
  EXPECT_EQ(counter.Advance(1, 4), 152) << "without a range there is no wrap";
  EXPECT_EQ(counter.resets(), 1u);
}

// Other hwmon devices.

constexpr char kIna226[] = "devices/platform/i2c-2/2-0041";

SourceUnderTest MakeIna226() {
  auto bench = std::make_shared<Bench>();
  const FakeSysfs::Files attributes{{"power1_input", "2500000"}, {"curr1_input", "500"},
                                    {"in0_input", "1"},          {"in1_input", "5000"},
                                    {"update_interval", "18"},   {"shunt_resistor", "2000"}};
  bench->tree.AddHwmon(3, kIna226, "ina226", attributes);
  auto before = bench->tree.Contents();
  auto found = OpenHwmonPower(bench->tree.root(), ListHwmon(bench->tree.root()).at(0), bench->names,
                              bench->clock);
  SourceUnderTest t = OnTree(bench, std::move(found), std::move(before), "power1_input");
  t.truth = [](const v1::ChannelInfo&) { return 2.5; };
  t.vanish = [b = bench.get()] { b->tree.RemoveHwmon(3, kIna226); };
  t.come_back = [b = bench.get(), attributes] {
    b->tree.AddHwmon(11, kIna226, "ina226", attributes);
  };
  return t;
}

SourceUnderTest MakePmbus() {
  auto bench = std::make_shared<Bench>();
  bench->tree.AddHwmon(0, "devices/i2c-3/3-0058", "tps53679",
                       {{"curr1_label", "iin"},
                        {"curr1_input", "1000"},
                        {"curr2_label", "iout1"},
                        {"curr2_input", "20000"},
                        {"in1_label", "vin"},
                        {"in1_input", "12000"},
                        {"in2_label", "vout1"},
                        {"in2_input", "900"},
                        {"temp1_input", "40000"}});
  auto before = bench->tree.Contents();
  auto found = OpenHwmonPower(bench->tree.root(), ListHwmon(bench->tree.root()).at(0), bench->names,
                              bench->clock);
  SourceUnderTest t = OnTree(bench, std::move(found), std::move(before), "curr1_input");
  t.truth = [](const v1::ChannelInfo& channel) {
    const bool current = channel.quantity() == v1::ChannelInfo::QUANTITY_CURRENT;
    if (channel.rail() == "tps53679 3-0058 iin") return current ? 1.0 : 12.0;
    return current ? 20.0 : 0.9;
  };
  return t;
}
INSTANTIATE_TEST_SUITE_P(Ina226, PowerSourceSuite, testing::Values(&MakeIna226));
INSTANTIATE_TEST_SUITE_P(Pmbus, PowerSourceSuite, testing::Values(&MakePmbus));

TEST(HwmonPowerSource, TakesThePowerAloneWhereADeviceShowsIt) {
  SourceUnderTest t = MakeIna226();
  ASSERT_EQ(t.source->channels().size(), 1u);
  EXPECT_EQ(t.source->channels()[0].rail(), "ina226 2-0041 power1");
  EXPECT_EQ(t.source->channels()[0].source(), "ina226 2-0041 power1_input");
  EXPECT_DOUBLE_EQ(t.source->channels()[0].window().period_s(), 18e-3);
  EXPECT_NEAR(t.source->max_rate_hz(), 2 / 18e-3, 1e-6);
}

TEST(HwmonPowerSource, PairsCurrentsWithTheVoltagesOfTheSameLabel) {
  SourceUnderTest t = MakePmbus();
  ASSERT_EQ(t.source->channels().size(), 4u);
  EXPECT_EQ(t.source->channels()[0].rail(), t.source->channels()[1].rail());
  EXPECT_EQ(t.source->channels()[2].rail(), "tps53679 3-0058 iout1");
  EXPECT_EQ(t.source->channels()[0].window().period_s(), 0) << "not known";
}

TEST(HwmonPowerSource, TakesMeanPowerAndSocketEnergyButNoCounterPerCore) {
  Bench bench;
  bench.tree.AddHwmon(0, "devices/acpi", "power_meter",
                      {{"power1_average", "90000000"}, {"power1_label", "WALL"}});
  bench.tree.AddHwmon(1, "devices/amd", "amd_energy",
                      {{"energy1_label", "Esocket0"},
                       {"energy1_input", "7000000"},
                       {"energy2_label", "Ecore000"},
                       {"energy2_input", "1"}});
  bench.tree.AddHwmon(2, "devices/coretemp", "coretemp", {{"temp1_input", "40000"}});
  bench.tree.AddHwmon(4, "devices/i2c-1/power_supply/BAT0", "BAT0", {{"power1_input", "1"}});
  const std::vector<HwmonDevice> devices = ListHwmon(bench.tree.root());
  ASSERT_EQ(devices.size(), 4u);
  EXPECT_FALSE(HasHwmonPower(devices[2]));
  EXPECT_FALSE(HasHwmonPower(devices[3])) << "power_supply reads it";
  auto meter = OpenHwmonPower(bench.tree.root(), devices[0], bench.names, bench.clock);
  ASSERT_TRUE(meter.ok()) << meter.status();
  EXPECT_EQ(meter->source->channels()[0].rail(), "WALL");
  ASSERT_TRUE(HasHwmonPower(devices[1]));
  auto energy = OpenHwmonPower(bench.tree.root(), devices[1], bench.names, bench.clock);
  ASSERT_TRUE(energy.ok()) << energy.status();
  ASSERT_EQ(energy->source->channels().size(), 1u);
  EXPECT_EQ(energy->source->channels()[0].quantity(), v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
}

TEST(HwmonFolder, FindsAChipByItsPlaceAndNotByItsNumber) {
  Bench bench;
  bench.tree.AddHwmon(2, "devices/i2c-1/1-0040", "ina226", {});
  bench.tree.AddHwmon(10, "devices/i2c-1/1-0041", "ina226", {});
  const std::vector<HwmonDevice> devices = ListHwmon(bench.tree.root());
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[1].Name(), "ina226 1-0041");
  bench.tree.RemoveHwmon(2, "devices/i2c-1/1-0040");
  bench.tree.RemoveHwmon(10, "devices/i2c-1/1-0041");
  bench.tree.AddHwmon(2, "devices/i2c-1/1-0041", "ina226", {});  // now the other one
  EXPECT_EQ(*FindHwmon(bench.tree.root(), devices[1]), bench.tree.Path("class/hwmon/hwmon2"));
  EXPECT_TRUE(absl::IsNotFound(FindHwmon(bench.tree.root(), devices[0]).status()));
}

// NVIDIA's IIO driver, as L4T 28 on a TX1 shows it.

constexpr char kIio[] = "devices/7000c400.i2c/i2c-1/1-0040/iio_device";

void AddIio(FakeSysfs& tree, const std::string& mode) {
  const std::string folder = kIio;
  const char* rails[] = {"VDD_IN", "VDD_GPU", "VDD_CPU"};
  for (int n = 0; n < 3; ++n) {
    const std::string number = std::to_string(n);
    tree.Write(folder + "/rail_name_" + number, rails[n]);
    tree.Write(folder + "/in_power" + number + "_input", std::to_string(1000 * (n + 1)));
    tree.Write(folder + "/in_voltage" + number + "_input", "19000");
    tree.Write(folder + "/in_current" + number + "_input", "100");
    tree.Write(folder + "/in_power" + number + "_trigger_input", mode == "0" ? "0" : "900");
  }
  tree.Write(folder + "/running_mode", mode);
  tree.Link("bus/i2c/devices/1-0040", "devices/7000c400.i2c/i2c-1/1-0040");
}

absl::StatusOr<FoundSource> OpenIio(Bench& bench) {
  const std::vector<std::string> folders = ListIioIna3221(bench.tree.root());
  EXPECT_EQ(folders.size(), 1u);
  return OpenIioIna3221(folders.at(0), bench.names, bench.clock);
}

SourceUnderTest MakeIio() {
  auto bench = std::make_shared<Bench>();
  AddIio(bench->tree, "0");
  auto before = bench->tree.Contents();
  auto found = OpenIio(*bench);
  SourceUnderTest t = OnTree(bench, std::move(found), std::move(before), "in_power0_input");
  t.truth = [](const v1::ChannelInfo& channel) {
    if (channel.rail() == "VDD_IN") return 1.0;
    return channel.rail() == "VDD_GPU" ? 2.0 : 3.0;
  };
  t.vanish = [b = bench.get()] {
    b->tree.Remove("bus/i2c/devices/1-0040");
    b->tree.Remove(kIio);
  };
  t.come_back = [b = bench.get()] { AddIio(b->tree, "0"); };
  return t;
}
INSTANTIATE_TEST_SUITE_P(IioIna3221, PowerSourceSuite, testing::Values(&MakeIio));

TEST(IioIna3221Source, InTriggeredModeEachReadIsAConversionOfItsOwn) {
  SourceUnderTest t = MakeIio();
  EXPECT_EQ(t.source->name(), "ina3221x 1-0040");
  EXPECT_EQ(t.source->channels()[0].source(), "ina3221x 1-0040 channel 0, triggered");
  EXPECT_DOUBLE_EQ(t.source->channels()[0].window().period_s(), 840e-6);
  EXPECT_EQ(t.source->channels()[0].window().average(), 1u);
  std::vector<ChannelReading> readings;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(t.source->Read(&readings).ok());
  for (const ChannelReading& r : readings) EXPECT_EQ(r.reading.freshness, Freshness::kFresh);
}

TEST(IioIna3221Source, RecordsTheLowPassOfContinuousMode) {
  Bench bench;
  AddIio(bench.tree, "1");
  auto found = OpenIio(bench);
  ASSERT_TRUE(found.ok()) << found.status();
  const v1::Window& window = found->source->channels()[0].window();
  EXPECT_EQ(window.average(), 64u);
  EXPECT_NEAR(window.period_s() * window.average(), 0.4224, 1e-9);
  // The configuration word of the device tree wins: 512 averages of 140 us conversions.
  bench.tree.Write("devices/7000c400.i2c/i2c-1/1-0040/of_node/unused", "");
  std::ofstream(bench.tree.Path("devices/7000c400.i2c/i2c-1/1-0040/of_node/ti,continuous-config"))
      << std::string("\0\0\x7c\x07", 4);
  auto other = OpenIio(bench);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->source->channels()[0].window().average(), 512u);
  EXPECT_DOUBLE_EQ(other->source->channels()[0].window().period_s(), 840e-6);
}

TEST(IioIna3221Source, RefusesReadingsWhileTheDriverIsInAnotherModeThanDescribed) {
  Bench bench;
  AddIio(bench.tree, "0");
  auto found = OpenIio(bench);
  ASSERT_TRUE(found.ok());
  std::vector<ChannelReading> readings;
  bench.tree.Write(std::string(kIio) + "/running_mode", "1");
  bench.clock.Advance(Milliseconds(1000));
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = found->source->Read(&readings);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(status.ToString(), HasSubstr("running_mode"));
  }
  EXPECT_THAT(readings, IsEmpty());
  bench.tree.Write(std::string(kIio) + "/running_mode", "0");
  EXPECT_TRUE(found->source->Read(&readings).ok());
}

TEST(IioIna3221Source, WithoutAModeTheTriggerChannelsTellContinuousOnly) {
  Bench bench;
  AddIio(bench.tree, "1");
  bench.tree.Remove(std::string(kIio) + "/running_mode");
  auto found = OpenIio(bench);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->source->channels()[0].window().average(), 64u);
  for (int n = 0; n < 3; ++n) {
    bench.tree.Write(std::string(kIio) + "/in_power" + std::to_string(n) + "_trigger_input", "0");
  }
  auto unknown = OpenIio(bench);
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->source->channels()[0].window().period_s(), 0);
  EXPECT_THAT(unknown->source->Remarks(), ElementsAre(HasSubstr("cannot be told")));
}

}  // namespace
}  // namespace synergy
