#include "daemon/clocks/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "fmt/format.h"
#include "tests/support/fake_clock.h"
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

  FakeSysfs sysfs_;
};

// A driver that takes so long to find out how fast a CPU is.
class SlowDriver final : public AttributeFiles {
 public:
  SlowDriver(FakeClock& clock, Nanoseconds time) : clock_(clock), time_(time) {}
  absl::StatusOr<std::string> Read(const std::string& path) override {
    if (path.ends_with("cpuinfo_cur_freq")) clock_.Advance(time_);
    return KernelFiles().Read(path);
  }
  absl::Status Write(const std::string& path, const std::string& value) override {
    return KernelFiles().Write(path, value);
  }
  std::vector<std::string> List(const std::string& folder) override {
    return KernelFiles().List(folder);
  }
  absl::StatusOr<std::string> Resolve(const std::string& path) override {
    return KernelFiles().Resolve(path);
  }

 private:
  FakeClock& clock_;
  const Nanoseconds time_;
};

TEST_F(ConditionsTest, AClockThatIsCostlyToReadIsReadOnceInTenPolls) {
  FakeClock clock;
  Set(kPolicy, "cpuinfo_cur_freq", "1224000");
  for (const auto& [time, polls] : {std::pair(Microseconds(500), 10), {Microseconds(100), 1}}) {
    SlowDriver files(clock, time);
    Conditions conditions(files, sysfs_.root(), {}, {}, clock);
    conditions.Poll({.ns = 0});
    Set(kPolicy, "cpuinfo_cur_freq", "102000");
    int needed = 1;
    while (needed < 20 && !conditions.Poll({.ns = needed}).has_value()) ++needed;
    EXPECT_EQ(needed, polls);
    Set(kPolicy, "cpuinfo_cur_freq", "204000");
    EXPECT_TRUE(conditions.Poll({.ns = 21}, /*all=*/true).has_value());
    Set(kPolicy, "cpuinfo_cur_freq", "1224000");
  }
}

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

TEST_F(ConditionsTest, HeatIsThatOfNowWhetherItHasBeenToldOrNot) {
  Conditions conditions = Open();
  conditions.Poll({.ns = 0});
  Set(kZone, "temp", "43000");
  Set("class/thermal/cooling_device1", "cur_state", "2");
  for (int i = 0; i < 2; ++i) {
    v1::ClockState state;
    conditions.DescribeHeat(state);
    ASSERT_EQ(state.temperatures_size(), 1) << state.DebugString();
    EXPECT_EQ(state.temperatures(0).zone(), "CPU-therm");
    EXPECT_EQ(state.temperatures(0).millidegrees(), 43000);
    ASSERT_EQ(state.throttles_size(), 2) << state.DebugString();
    EXPECT_EQ(state.throttles(0).what(), "cooling thermal-cpufreq-0 1");
    EXPECT_EQ(state.throttles(0).value(), 2u);
    EXPECT_EQ(state.throttles(1).value(), 7u);
  }
  Set(kZone, "temp", "none");
  v1::ClockState state;
  conditions.DescribeHeat(state);
  EXPECT_EQ(state.temperatures_size(), 0);
}

TEST_F(ConditionsTest, TheHardwaresFrequencyGoesBeforeTheDrivers) {
  Set(kPolicy, "cpuinfo_cur_freq", "1300000");
  EXPECT_EQ(Open().Poll({})->frequencies(0).hz(), 1300000000);
}

TEST_F(ConditionsTest, AClockThatVanishesHasNoFrequencyAndATemperatureIsLeftOut) {
  Conditions conditions = Open();
  conditions.Poll({});
  sysfs_.Remove(kPolicy);
  sysfs_.Remove(fmt::format("{}/temp", kZone));
  const auto now = conditions.Poll({});
  ASSERT_TRUE(now.has_value());
  ASSERT_EQ(now->frequencies_size(), 1);
  EXPECT_EQ(now->frequencies(0).clock(), "policy0");
  EXPECT_EQ(now->frequencies(0).hz(), 0) << "which is not sent";
  EXPECT_FALSE(conditions.Poll({}).has_value()) << "it is told once";
  EXPECT_EQ(now->temperatures_size(), 0);
  EXPECT_FALSE(conditions.Hottest().has_value());
}

TEST_F(ConditionsTest, DevicesOutsideDevfreqsClassAreWatchedAndThoseInItOnce) {
  Set("kernel/debug/clk/override.emc", "clk_rate", "1600000000");
  const std::vector<WatchedClock> watched = {
      {.name = "57000000.gpu", .path = sysfs_.root() + "/" + kGpu + "/cur_freq"},
      {.name = "memory", .path = sysfs_.root() + "/kernel/debug/clk/override.emc/clk_rate"}};
  Conditions conditions(KernelFiles(), sysfs_.root(), {}, watched);
  const auto first = conditions.Poll({});
  ASSERT_EQ(first->frequencies_size(), 3);
  EXPECT_EQ(first->frequencies(2).clock(), "memory");
  EXPECT_EQ(first->frequencies(2).hz(), 1600000000);
}

TEST_F(ConditionsTest, CoresThatCanBeSwitchedAreStates) {
  Set("devices/system/cpu/cpu1", "online", "1");
  Conditions conditions = Open();
  const auto first = conditions.Poll({});
  EXPECT_EQ(first->throttles(2).what(), "cpu1 off");
  EXPECT_EQ(first->throttles(2).value(), 0u);
  Set("devices/system/cpu/cpu1", "online", "0");
  const auto now = conditions.Poll({});
  ASSERT_TRUE(now.has_value());
  EXPECT_EQ(now->throttles(0).what(), "cpu1 off");
  EXPECT_EQ(now->throttles(0).value(), 1u);
}

TEST_F(ConditionsTest, NamesZonesAndFindsTheHottest) {
  Set("class/thermal/thermal_zone1", "type", "CPU-therm");
  Set("class/thermal/thermal_zone1", "temp", "52000");
  const Conditions conditions = Open();
  EXPECT_THAT(conditions.ThermalZones(), ElementsAre("CPU-therm", "CPU-therm 1"));
  EXPECT_EQ(conditions.Hottest()->name, "CPU-therm 1");
  EXPECT_DOUBLE_EQ(conditions.Hottest()->celsius, 52);
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
}

TEST_F(ConditionsTest, ABoardThatShowsNothingTellsNothing) {
  const FakeSysfs empty;
  Conditions conditions(KernelFiles(), empty.root());
  EXPECT_FALSE(conditions.Poll({}).has_value());
  EXPECT_TRUE(conditions.ThermalZones().empty());
}

}  // namespace
}  // namespace synergy
