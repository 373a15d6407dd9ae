#include "daemon/clocks/simulated_clocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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
      .cores = 2, .cpu_khz = {102000, 825600, 1734000}, .gpu_hz = {76800000, 998400000}};
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

TEST_F(SimulatedClocksTest, StayWithinABootAndBeginAnewAfterIt) {
  EXPECT_TRUE(Set("scaling_max_freq", "825600").ok());
  Make("boot");
  EXPECT_EQ(Value("scaling_max_freq"), "825600");
  Make("another boot");
  EXPECT_EQ(Value("scaling_max_freq"), "1734000");
}

}  // namespace
}  // namespace synergy
