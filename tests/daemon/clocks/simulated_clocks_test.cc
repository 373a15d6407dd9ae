#include "daemon/clocks/simulated_clocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "daemon/clocks/conditions.h"
#include "daemon/clocks/cpu_clocks.h"
#include "daemon/clocks/device_clocks.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

class SimulatedClocksTest : public testing::Test {
 protected:
  SimulatedClocksTest() { Make("boot"); }
  void Make(const std::string& boot) {
    ASSERT_TRUE(MakeSimulatedClocks(folder_.File("clocks"), kSpec, boot).ok());
  }
  std::string Value(const std::string& name) {
    return clocks_.Read(policy_ + "/" + name).value_or("none");
  }
  absl::Status Set(const std::string& name, const std::string& value) {
    return clocks_.Write(policy_ + "/" + name, value);
  }

  const SimulatedClockSpec kSpec = {.cores = 2,
                                    .cpu_khz = {102000, 825600, 1734000},
                                    .gpu_hz = {76800000, 998400000},
                                    .memory = true,
                                    .fan_full = 255};
  TempFolder folder_;
  SimulatedClocks clocks_{folder_.File("clocks")};
  const std::string root_ = SimulatedSysfsRoot(folder_.File("clocks"));
  const std::string policy_ = root_ + "/devices/system/cpu/cpufreq/policy0";
};

TEST_F(SimulatedClocksTest, ShowsWhatABoardShows) {
  const CpuClocks cpu = ReadCpuClocks(clocks_, root_).value();
  ASSERT_EQ(cpu.policies.size(), 1u);
  EXPECT_EQ(cpu.policies[0].frequencies.size(), 3u);
  EXPECT_EQ(cpu.policies[0].governor, "interactive");
  EXPECT_EQ(cpu.cores.size(), 2u);
  const DeviceClock gpu =
      ReadDeviceClock(clocks_, root_, {.name = "gpu", .devfreq = "class/devfreq/*.gpu"}).value();
  EXPECT_EQ(gpu.frequencies.size(), 2u);
  EXPECT_EQ(gpu.current->hz, 76800000);
}

TEST_F(SimulatedClocksTest, LimitsAreRoundedAndClampedAndTheRequestIsRemembered) {
  EXPECT_TRUE(Set("scaling_max_freq", "900000").ok());
  EXPECT_EQ(Value("scaling_max_freq"), "825600");
  EXPECT_TRUE(Set("scaling_min_freq", "1734000").ok());
  EXPECT_EQ(Value("scaling_min_freq"), "825600");
  EXPECT_TRUE(Set("scaling_max_freq", "1734000").ok());
  EXPECT_EQ(Value("scaling_min_freq"), "1734000");
}

TEST_F(SimulatedClocksTest, SetspeedBelongsToUserspaceAndIsRoundedUp) {
  EXPECT_EQ(Value("scaling_setspeed"), "<unsupported>");
  EXPECT_TRUE(absl::IsInvalidArgument(Set("scaling_setspeed", "600000")));
  EXPECT_TRUE(absl::IsInvalidArgument(Set("scaling_governor", "unknown")));
  EXPECT_TRUE(Set("scaling_governor", "userspace").ok());
  EXPECT_TRUE(Set("scaling_setspeed", "600000").ok());
  EXPECT_EQ(Value("scaling_cur_freq"), "825600");
}

TEST_F(SimulatedClocksTest, ACoreGoesOffButNotTheLastOne) {
  const std::string cpus = root_ + "/devices/system/cpu";
  EXPECT_TRUE(clocks_.Write(cpus + "/cpu1/online", "0").ok());
  EXPECT_EQ(Value("affected_cpus"), "0");
  EXPECT_EQ(Value("related_cpus"), "0 1");
  EXPECT_TRUE(absl::IsUnavailable(clocks_.Write(cpus + "/cpu0/online", "0")));
}

TEST_F(SimulatedClocksTest, WhatOnlyTellsCannotBeWritten) {
  EXPECT_TRUE(absl::IsPermissionDenied(Set("cpuinfo_max_freq", "1")));
  EXPECT_TRUE(absl::IsNotFound(Set("no_such_file", "1")));
}

TEST_F(SimulatedClocksTest, MemoryAndFanTakeWhatLiesInTheirRange) {
  const DeviceClock memory = ReadDeviceClock(clocks_, root_, SimulatedDevices(kSpec)[1]).value();
  EXPECT_EQ(memory.current->hz, 1600000000);
  EXPECT_EQ(memory.lowest->hz, 40800000);
  EXPECT_FALSE(memory.overridden);
  EXPECT_TRUE(clocks_.Write(memory.paths.rate, "408000000").ok());
  EXPECT_TRUE(clocks_.Write(memory.paths.state, "1").ok());
  EXPECT_FALSE(clocks_.Write(memory.paths.rate, "1700000000").ok());
  EXPECT_FALSE(clocks_.Write(memory.paths.state, "2").ok());
  EXPECT_FALSE(clocks_.Write(memory.paths.highest, "1700000000").ok());
  const Fan fan = ReadFan(clocks_, root_, *SimulatedFan(kSpec)).value();
  EXPECT_TRUE(clocks_.Write(fan.target, "255").ok());
  EXPECT_FALSE(clocks_.Write(fan.target, "fast").ok());
}

TEST_F(SimulatedClocksTest, OfABoardWithoutThemThereAreNeitherMemoryNorFan) {
  EXPECT_EQ(SimulatedDevices({}).size(), 1u);
  EXPECT_FALSE(SimulatedFan({}).has_value());
}

TEST_F(SimulatedClocksTest, StayWithinABootAndBeginAnewAfterIt) {
  EXPECT_TRUE(Set("scaling_max_freq", "825600").ok());
  Make("boot");
  EXPECT_EQ(Value("scaling_max_freq"), "825600");
  Make("another boot");
  EXPECT_EQ(Value("scaling_max_freq"), "1734000");
}

TEST_F(SimulatedClocksTest, ShowTheModelsTemperatureAndHowFarTheCpuIsHeldBack) {
  std::optional<int64_t> held;
  SimulatedClockSpec spec = kSpec;
  spec.thermal_zone = "CPU-therm";
  for (const bool counter : {false, true}) {
    spec.throttle_counter = counter;
    held.reset();
    const std::string folder = folder_.File(counter ? "with_counter" : "with_state");
    ASSERT_TRUE(MakeSimulatedClocks(folder, spec, "boot").ok());
    SimulatedClocks clocks(
        folder, {.celsius = [] { return 41.234; }, .throttled_khz = [&] { return held; }});
    const std::string root = SimulatedSysfsRoot(folder);
    const std::string policy = root + "/devices/system/cpu/cpufreq/policy0/";
    ASSERT_TRUE(clocks.Write(policy + "scaling_governor", "performance").ok());
    Conditions conditions(clocks, root);
    EXPECT_EQ(conditions.ThermalZones(), std::vector<std::string>{"CPU-therm"});
    v1::Conditions seen = *conditions.Poll({1});
    EXPECT_EQ(seen.temperatures(0).millidegrees(), 41'234);
    EXPECT_EQ(seen.throttles(0).value(), 0u);
    EXPECT_EQ(seen.throttles(0).what(),
              counter ? "cpu0 core_throttle_count" : "cooling thermal-cpufreq-0 0");
    held = 825'600;
    seen = *conditions.Poll({2});
    EXPECT_EQ(seen.frequencies(0).hz(), 825'600'000);
    EXPECT_EQ(seen.throttles(0).value(), 1u) << "one of three frequencies is gone, or one event";
    EXPECT_EQ(conditions.Poll({3}).has_value(), counter) << "a counter goes on";
  }
}

TEST_F(SimulatedClocksTest, AnotherBoardHasAnotherTree) {
  SimulatedClockSpec spec = kSpec;
  spec.cpu_khz = {500'000, 900'000};
  ASSERT_TRUE(MakeSimulatedClocks(folder_.File("clocks"), spec, "boot").ok());
  EXPECT_EQ(Value("cpuinfo_max_freq"), "900000");
}

}  // namespace
}  // namespace synergy
