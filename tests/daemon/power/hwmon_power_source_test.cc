#include "daemon/power/hwmon_power_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "tests/daemon/power/sysfs_bench.h"

namespace synergy {
namespace {

constexpr char kIna226[] = "devices/platform/i2c-2/2-0041";

SourceUnderTest MakeIna226() {
  auto bench = std::make_shared<SysfsBench>();
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
  auto bench = std::make_shared<SysfsBench>();
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
  EXPECT_DOUBLE_EQ(t.source->channels()[0].gain_tolerance(), 0.012)
      << "0.1 % of the voltage and of the current, and the shunt's 1 %";
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
  SysfsBench bench;
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
  SysfsBench bench;
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

}  // namespace
}  // namespace synergy
