#include "daemon/clocks/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

using testing::ElementsAre;

constexpr char kPolicy[] = "devices/system/cpu/cpufreq/policy0";
constexpr char kGpu[] = "class/devfreq/57000000.gpu";
constexpr char kZone[] = "class/thermal/thermal_zone0";

class ConditionsTest : public testing::Test {
 protected:
  ConditionsTest() {
    Set(kPolicy, "scaling_cur_freq", "1224000");
    Set(kGpu, "cur_freq", "76800000");
    Set(kZone, "type", "CPU-therm");
    Set(kZone, "temp", "41500");
    Set("class/thermal/cooling_device0", "type", "Fan");
    Set("class/thermal/cooling_device0", "cur_state", "3");
    Set("class/thermal/cooling_device1", "type", "thermal-cpufreq-0");
    Set("class/thermal/cooling_device1", "cur_state", "0");
    Set("devices/system/cpu/cpu0/thermal_throttle", "core_throttle_count", "7");
  }
  void Set(const std::string& folder, const std::string& name, const std::string& text) {
    sysfs_.Write(fmt::format("{}/{}", folder, name), text);
  }
  Conditions Open() { return Conditions(KernelFiles(), sysfs_.root()); }
  static v1::Conditions Frequency(const std::string& clock, int64_t hz) {
    v1::Conditions now;
    now.set_at_ns(5);
    now.add_frequencies()->set_clock(clock);
    now.mutable_frequencies(0)->set_hz(hz);
    return now;
  }

  FakeSysfs sysfs_;
};

TEST_F(ConditionsTest, TellsEverythingFirstAndThenWhatHasChanged) {
  Conditions conditions = Open();
  const auto first = conditions.Poll({.ns = 1});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->at_ns(), 1);
  ASSERT_EQ(first->frequencies_size(), 2);
  EXPECT_EQ(first->frequencies(0).clock(), "policy0");
  EXPECT_EQ(first->frequencies(0).hz(), 1224000000);
  EXPECT_EQ(first->frequencies(1).clock(), "57000000.gpu");
  EXPECT_EQ(first->frequencies(1).hz(), 76800000);
  ASSERT_EQ(first->temperatures_size(), 1);
  EXPECT_EQ(first->temperatures(0).millidegrees(), 41500);
  ASSERT_EQ(first->throttles_size(), 2) << "a fan throttles nothing";
  EXPECT_EQ(first->throttles(0).what(), "cooling thermal-cpufreq-0 1");
  EXPECT_EQ(first->throttles(1).what(), "cpu0 core_throttle_count");
  EXPECT_EQ(first->throttles(1).value(), 7u);

  EXPECT_FALSE(conditions.Poll({.ns = 2}).has_value());
  Set(kZone, "temp", "-2000");
  const auto next = conditions.Poll({.ns = 3});
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->frequencies_size() + next->throttles_size(), 0);
  EXPECT_EQ(next->temperatures(0).millidegrees(), -2000);
}

TEST_F(ConditionsTest, TheHardwaresFrequencyGoesBeforeTheDrivers) {
  Set(kPolicy, "cpuinfo_cur_freq", "1300000");
  EXPECT_EQ(Open().Poll({})->frequencies(0).hz(), 1300000000);
}

TEST_F(ConditionsTest, AClockThatVanishesIsZeroAndATemperatureIsLeftOut) {
  Conditions conditions = Open();
  conditions.Poll({});
  sysfs_.Remove(kPolicy);
  sysfs_.Remove(fmt::format("{}/temp", kZone));
  const auto now = conditions.Poll({});
  ASSERT_TRUE(now.has_value());
  EXPECT_EQ(now->frequencies(0).hz(), 0);
  EXPECT_EQ(now->temperatures_size(), 0);
  EXPECT_FALSE(conditions.Hottest().has_value());
}

TEST_F(ConditionsTest, NamesZonesAndFindsTheHottest) {
  Set("class/thermal/thermal_zone1", "type", "CPU-therm");
  Set("class/thermal/thermal_zone1", "temp", "52000");
  const Conditions conditions = Open();
  EXPECT_THAT(conditions.ThermalZones(), ElementsAre("CPU-therm", "CPU-therm 1"));
  EXPECT_EQ(conditions.Hottest()->name, "CPU-therm 1");
  EXPECT_DOUBLE_EQ(conditions.Hottest()->celsius, 52);
}

v1::ClockLease Lease(const std::string& folder, const std::string& prefix, const char* low,
                     const char* high) {
  v1::ClockLease lease;
  for (const auto& [name, value] : {std::pair("min_freq", low), std::pair("max_freq", high)}) {
    v1::ClockSetting& setting = *lease.add_settings();
    setting.set_control(fmt::format("{}/{}{}", folder, prefix, name));
    setting.set_obtained(value);
  }
  return lease;
}

// A Jetson's PMIC reads 100 degrees whatever it does.
TEST_F(ConditionsTest, WhereAProfileNamesZonesTheOthersSayNothingOfHeat) {
  Set("class/thermal/thermal_zone1", "type", "PMIC-Die");
  Set("class/thermal/thermal_zone1", "temp", "100000");
  EXPECT_EQ(Open().Hottest()->name, "PMIC-Die");
  const std::vector<std::string> decisive = {"GPU-therm", "CPU-therm"};
  const Conditions conditions(KernelFiles(), sysfs_.root(), decisive);
  EXPECT_EQ(conditions.Hottest()->name, "CPU-therm");
  EXPECT_THAT(conditions.ThermalZones(), ElementsAre("CPU-therm", "PMIC-Die"));
  // None of them is here.
  EXPECT_EQ(Conditions(KernelFiles(), sysfs_.root(), {"tj-thermal"}).Hottest()->name, "PMIC-Die");
}

TEST_F(ConditionsTest, KernelsWithoutPolicyFoldersAreWatchedByTheirCores) {
  sysfs_.Remove(kPolicy);
  Set("devices/system/cpu/cpu0/cpufreq", "scaling_cur_freq", "102000");
  const auto now = Open().Poll({});
  ASSERT_TRUE(now.has_value());
  EXPECT_EQ(now->frequencies(0).clock(), "cpu0");
  FixedClocks fixed(Lease("devices/system/cpu/cpu0/cpufreq", "scaling_", "1224000", "1224000"));
  EXPECT_EQ(fixed.Check(*now).size(), 1u);
}

TEST_F(ConditionsTest, ABoardThatShowsNothingTellsNothing) {
  const FakeSysfs empty;
  Conditions conditions(KernelFiles(), empty.root());
  EXPECT_FALSE(conditions.Poll({}).has_value());
  EXPECT_TRUE(conditions.ThermalZones().empty());
}

TEST_F(ConditionsTest, AFixedClockThatLeavesAndComesBackIsTold) {
  FixedClocks fixed(Lease(kPolicy, "scaling_", "1224000", "1224000"));
  EXPECT_TRUE(fixed.Check(Frequency("policy0", 1224000000)).empty());
  EXPECT_TRUE(fixed.Check(Frequency("policy0", 1230000000)).empty()) << "within 1 %";
  EXPECT_TRUE(fixed.Check(Frequency("policy2", 102000000)).empty()) << "not fixed";
  const auto left = fixed.Check(Frequency("policy0", 102000000));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].at_ns(), 5);
  EXPECT_EQ(left[0].fixed_hz(), 1224000000);
  EXPECT_EQ(left[0].seen_hz(), 102000000);
  EXPECT_EQ(fixed.Check(Frequency("policy0", 1224000000)).size(), 1u) << "it is back";
  EXPECT_TRUE(fixed.Check(Frequency("policy0", 1224000000)).empty());
}

TEST_F(ConditionsTest, AClockBetweenTwoLimitsIsNotFixed) {
  FixedClocks between(Lease(kPolicy, "scaling_", "102000", "1224000"));
  EXPECT_TRUE(between.Check(Frequency("policy0", 825600000)).empty());
  FixedClocks gpu(Lease(kGpu, "", "614400000", "614400000"));
  EXPECT_EQ(gpu.Check(Frequency("57000000.gpu", 76800000)).size(), 1u);
}

}  // namespace
}  // namespace synergy
