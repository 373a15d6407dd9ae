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

  const SimulatedClockSpec kSpec = {
      .policies = {{.cores = 2, .khz = {102000, 825600, 1734000}}},
      .cpu_governors = {"interactive", "userspace", "powersave", "performance"},
      .devices = {{.name = "gpu", .devfreq = "class/devfreq/57000000.gpu"},
                  {.name = "gpu", .devfreq = "devices/57000000.gpu/devfreq/57000000.gpu"},
                  {.name = "memory",
                   .rate = "kernel/debug/clk/override.emc/clk_update_rate",
                   .rate_read = "kernel/debug/clk/override.emc/clk_rate",
                   .state = "kernel/debug/clk/override.emc/clk_state",
                   .lowest = "kernel/debug/tegra_bwmgr/emc_min_rate",
                   .highest = "kernel/debug/tegra_bwmgr/emc_max_rate"}},
      .fan = FanPaths{.targets = {"devices/platform/pwm-fan/hwmon/hwmon*/pwm1"}, .full = 255},
      .gpu_hz = {76800000, 998400000},
      .gpu_governors = {"nvhost_podgov", "performance"},
      .memory_lowest_hz = 40'800'000,
      .memory_highest_hz = 1'600'000'000};
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
  EXPECT_EQ(cpu.policies[0].governors.size(), 4u);
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
  EXPECT_FALSE(clocks_.Write(fan.target, "256").ok());
  EXPECT_FALSE(clocks_.Write(fan.target, "fast").ok());
}

TEST_F(SimulatedClocksTest, OfABoardWithoutThemThereAreNeitherMemoryNorFan) {
  ASSERT_EQ(SimulatedDevices(kSpec).size(), 2u) << "each once";
  SimulatedClockSpec spec = kSpec;
  spec.memory_highest_hz = 0;
  EXPECT_EQ(SimulatedDevices(spec).size(), 1u);
  spec.gpu_hz.clear();
  spec.fan.reset();
  EXPECT_TRUE(SimulatedDevices(spec).empty());
  EXPECT_FALSE(SimulatedFan(spec).has_value());
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
    SimulatedClocks clocks(folder, {.cpu_khz = [&](size_t) { return held.value_or(1'734'000); },
                                    .celsius = [] { return 41.234; },
                                    .throttled_khz = [&] { return held; }});
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

// A model that is told what the files come to, and says what its clocks are.
struct FakeModel {
  SimulatedClockModel Calls() {
    return {.set_speeds = [this](const auto& told) { speeds = told; },
            .cpu_khz = [this](size_t policy) { return khz.at(policy); }};
  }
  std::vector<CpuSpeed> speeds;
  std::vector<int64_t> khz;
};

TEST_F(SimulatedClocksTest, TellTheModelWhatGovernorsAndLimitsComeTo) {
  FakeModel model;
  SimulatedClocks clocks(folder_.File("clocks"), model.Calls());
  const auto speed = [&] { return model.speeds.at(0); };
  EXPECT_EQ(speed(), (CpuSpeed{.idle_khz = 102000, .busy_khz = 1734000, .cores_on = 2}));
  const auto set = [&](const std::string& name, const std::string& value) {
    EXPECT_TRUE(clocks.Write(policy_ + "/" + name, value).ok()) << name;
  };
  set("scaling_max_freq", "825600");
  EXPECT_EQ(speed().busy_khz, 825600);
  set("scaling_governor", "performance");
  EXPECT_EQ(speed().idle_khz, 825600);
  set("scaling_governor", "powersave");
  EXPECT_EQ(speed().busy_khz, 102000);
  set("scaling_governor", "userspace");
  set("scaling_setspeed", "300000");
  EXPECT_EQ(speed(), (CpuSpeed{.idle_khz = 825600, .busy_khz = 825600, .cores_on = 2}));
  EXPECT_TRUE(clocks.Write(root_ + "/devices/system/cpu/cpu1/online", "0").ok());
  EXPECT_EQ(speed().cores_on, 1u);
}

TEST_F(SimulatedClocksTest, ShowTheClockThatTheModelComputesWith) {
  FakeModel model{.speeds = {}, .khz = {1224000}};
  SimulatedClocks clocks(folder_.File("clocks"), model.Calls());
  EXPECT_EQ(*clocks.Read(policy_ + "/scaling_cur_freq"), "1224000");
  EXPECT_EQ(Value("scaling_cur_freq"), "102000") << "without a model nothing runs";
}

TEST_F(SimulatedClocksTest, APolicyWithoutCoresShowsNothingAndTakesNothing) {
  SimulatedClockSpec spec = kSpec;
  spec.policies.push_back({.cores = 2, .khz = {500'000, 900'000}});
  ASSERT_TRUE(MakeSimulatedClocks(folder_.File("two"), spec, "boot").ok());
  FakeModel model{.speeds = {}, .khz = {102000, 900000}};
  SimulatedClocks clocks(folder_.File("two"), model.Calls());
  const std::string root = SimulatedSysfsRoot(folder_.File("two"));
  const std::string second = root + "/devices/system/cpu/cpufreq/policy2";
  EXPECT_EQ(*clocks.Read(second + "/scaling_cur_freq"), "900000");
  EXPECT_EQ(*clocks.Read(second + "/affected_cpus"), "2 3");
  for (const char* core : {"/devices/system/cpu/cpu2/online", "/devices/system/cpu/cpu3/online"}) {
    ASSERT_TRUE(clocks.Write(root + core, "0").ok());
  }
  EXPECT_EQ(model.speeds.at(1).cores_on, 0u);
  EXPECT_TRUE(absl::IsUnavailable(clocks.Read(second + "/scaling_governor").status()));
  EXPECT_TRUE(absl::IsUnavailable(clocks.Write(second + "/scaling_governor", "performance")));
  EXPECT_FALSE(ReadCpuClocks(clocks, root)->policies[1].active);
}

TEST_F(SimulatedClocksTest, AnotherBoardHasAnotherTree) {
  SimulatedClockSpec spec = kSpec;
  spec.policies[0].khz = {500'000, 900'000};
  ASSERT_TRUE(MakeSimulatedClocks(folder_.File("clocks"), spec, "boot").ok());
  EXPECT_EQ(Value("cpuinfo_max_freq"), "900000");
}

}  // namespace
}  // namespace synergy
