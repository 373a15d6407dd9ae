#include "daemon/clocks/device_clocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Speed = DeviceRequest::Speed;

constexpr char kOverride[] = "/sys/kernel/debug/clock/override.emc";
const DeviceClockPaths kGpu = {.name = "gpu", .devfreq = "class/devfreq/57000000.gpu"};
const DeviceClockPaths kAnyGpu = {.name = "gpu", .devfreq = "class/devfreq/*.gpu"};
const DeviceClockPaths kTx1Gpu = {.name = "gpu",
                                  .devfreq = "devices/platform/57000000.gpu/devfreq/57000000.gpu"};
const DeviceClockPaths kMemory = {.name = "memory",
                                  .rate = "kernel/debug/clock/override.emc/rate",
                                  .state = "kernel/debug/clock/override.emc/state",
                                  .lowest = "kernel/debug/clock/emc/min",
                                  .highest = "kernel/debug/clock/emc/max"};

class DeviceClocksTest : public testing::Test {
 protected:
  DeviceClocksTest() {
    kernel_.AddDevfreq({.strict = true});
    kernel_.AddFile(std::string(kOverride) + "/rate", "0");
    kernel_.AddFile(std::string(kOverride) + "/state", "0");
    kernel_.AddFile("/sys/kernel/debug/clock/emc/min", "12750000");
    kernel_.AddFile("/sys/kernel/debug/clock/emc/max", "1600000000");
    before_ = kernel_.Snapshot();
    lease_ = *FrequencyLease::Take(
        {.journal = folder_.File("clocks.journal"), .holder = "test", .restore = {.boot_id = "b"}},
        kernel_);
  }
  DeviceClock Clock(const DeviceClockPaths& paths) {
    absl::StatusOr<DeviceClock> clock = ReadDeviceClock(kernel_, "/sys", paths);
    EXPECT_TRUE(clock.ok()) << clock.status();
    return *std::move(clock);
  }
  absl::Status Set(const DeviceClockPaths& paths, const DeviceRequest& request) {
    const auto plan = PlanDeviceRequest(Clock(paths), request);
    if (!plan.ok()) return plan.status();
    return lease_->Apply(*plan).status();
  }
  void ExpectAllBack() {
    EXPECT_TRUE(lease_->Release().Clean());
    EXPECT_EQ(kernel_.Snapshot(), before_);
  }

  TempFolder folder_;
  FakeKernel kernel_;
  std::map<std::string, std::string> before_;
  std::unique_ptr<FrequencyLease> lease_;
};

TEST_F(DeviceClocksTest, ADevfreqDeviceIsFoundByAnyOfItsPaths) {
  for (const DeviceClockPaths& paths : {kGpu, kAnyGpu, kTx1Gpu}) {
    const DeviceClock clock = Clock(paths);
    EXPECT_EQ(clock.governor, "nvhost_podgov");
    EXPECT_EQ(clock.min->hz, 76800000);
    EXPECT_EQ(clock.max->hz, 998400000);
    EXPECT_EQ(DescribeFrequencies(clock), "76.8MHz 153.6MHz 614.4MHz 998.4MHz");
  }
}

TEST_F(DeviceClocksTest, WhatIsNotThereIsSaid) {
  const absl::Status status =
      ReadDeviceClock(kernel_, "/sys", {.name = "gpu", .devfreq = "class/devfreq/*.adreno"})
          .status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(status.ToString(), HasSubstr("The clock gpu cannot be set"));
  EXPECT_THAT(status.ToString(), HasSubstr("/sys/class/devfreq/*.adreno"));
}

TEST_F(DeviceClocksTest, AFrequencyPinsBothLimitsWithoutCrossingThem) {
  for (const int64_t khz : {614400, 76800, 998400}) {
    ASSERT_TRUE(Set(kGpu, {.frequency = {khz}}).ok());
    EXPECT_EQ(Clock(kGpu).current->Rounded().khz, khz);
  }
  ASSERT_TRUE(Set(kGpu, {.speed = Speed::kMin, .governor = "userspace"}).ok());
  EXPECT_EQ(Clock(kGpu).governor, "userspace");
  EXPECT_EQ(Clock(kGpu).max->hz, 76800000);
  EXPECT_EQ(kernel_.crossed(), 0);
  ExpectAllBack();
}

TEST_F(DeviceClocksTest, TheDevicesOwnFrequencyIsTakenWhereItIsNoWholeKilohertz) {
  kernel_.AddDevfreq({.name = "odd.gpu", .table = {133333333, 266666666}});
  const DeviceClockPaths odd = {.name = "gpu", .devfreq = "class/devfreq/odd.gpu"};
  ASSERT_TRUE(Set(odd, {.frequency = {266667}}).ok());
  EXPECT_EQ(Clock(odd).min->hz, 266666666);
}

TEST_F(DeviceClocksTest, UnknownFrequenciesAndGovernorsAreRefusedWithWhatThereIs) {
  const absl::Status frequency = Set(kGpu, {.frequency = {614000}});
  EXPECT_TRUE(absl::IsInvalidArgument(frequency));
  EXPECT_THAT(frequency.ToString(), HasSubstr("gpu has no 614MHz; it has: 76.8MHz 153.6MHz"));
  EXPECT_THAT(Set(kGpu, {.speed = Speed::kMax, .governor = "warp"}).ToString(),
              HasSubstr("no governor warp; it has: simple_ondemand userspace"));
  EXPECT_THAT(Set(kMemory, {.frequency = {1700000}}).ToString(),
              HasSubstr("any from 12.75MHz to 1600MHz"));
  EXPECT_THAT(Set(kMemory, {.speed = Speed::kMax, .governor = "userspace"}).ToString(),
              HasSubstr("has no governors"));
  EXPECT_TRUE(kernel_.writes().empty());
}

TEST_F(DeviceClocksTest, AnOverrideIsSetBeforeItIsSwitchedOnAndSwitchedOffFirst) {
  EXPECT_FALSE(Clock(kMemory).overridden);
  ASSERT_TRUE(Set(kMemory, {.speed = Speed::kMax}).ok());
  EXPECT_TRUE(Clock(kMemory).overridden);
  EXPECT_EQ(Clock(kMemory).current->hz, 1600000000);
  ExpectAllBack();
  const std::string folder = kOverride;
  EXPECT_THAT(kernel_.writes(), ElementsAre(folder + "/rate=1600000000", folder + "/state=1",
                                            folder + "/state=0", folder + "/rate=0"));
}

TEST_F(DeviceClocksTest, TheMomentaryRateOfAnOverrideIsNotDemandedBack) {
  kernel_.AddOverride("/sys/kernel/debug/bpmp/debug/clk/emc");
  const DeviceClockPaths paths = {.name = "memory",
                                  .rate = "kernel/debug/bpmp/debug/clk/emc/rate",
                                  .state = "kernel/debug/bpmp/debug/clk/emc/mrq_rate_locked"};
  ASSERT_TRUE(Set(paths, {.frequency = {1600000}}).ok());
  EXPECT_EQ(Clock(paths).current->hz, 1600000000);
  kernel_.SetOwnRate("408000000");
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_FALSE(Clock(paths).overridden);
  EXPECT_EQ(Clock(paths).current->hz, 408000000);
}

TEST_F(DeviceClocksTest, AMomentaryRateIsWrittenOnce) {
  const std::string folder = "/sys/kernel/debug/bpmp/debug/clk/emc";
  kernel_.AddOverride(folder);
  ASSERT_TRUE(Set({.name = "memory",
                   .rate = "kernel/debug/bpmp/debug/clk/emc/rate",
                   .state = "kernel/debug/bpmp/debug/clk/emc/mrq_rate_locked"},
                  {.frequency = {1600000}})
                  .ok());
  kernel_.SetOwnRate("408000000");  // it reads otherwise than written, and stays so
  const size_t before = kernel_.writes().size();
  EXPECT_TRUE(lease_->Release().Clean());
  std::vector<std::string> paths;
  for (size_t i = before; i < kernel_.writes().size(); ++i) {
    paths.push_back(kernel_.writes()[i].substr(0, kernel_.writes()[i].find('=')));
  }
  EXPECT_THAT(paths, ElementsAre(folder + "/mrq_rate_locked", folder + "/rate"));
}

TEST_F(DeviceClocksTest, ARateThatWasOverriddenBeforeComesBack) {
  kernel_.AddOverride("/sys/kernel/debug/bpmp/debug/clk/emc");
  const std::string folder = "/sys/kernel/debug/bpmp/debug/clk/emc";
  const DeviceClockPaths paths = {.name = "memory",
                                  .rate = "kernel/debug/bpmp/debug/clk/emc/rate",
                                  .state = "kernel/debug/bpmp/debug/clk/emc/mrq_rate_locked"};
  ASSERT_TRUE(kernel_.Write(folder + "/mrq_rate_locked", "1").ok());
  ASSERT_TRUE(kernel_.Write(folder + "/rate", "800000000").ok());
  ASSERT_TRUE(Set(paths, {.frequency = {1600000}}).ok());
  kernel_.Refuse(folder + "/rate", absl::UnavailableError("stuck"));
  EXPECT_FALSE(lease_->Release().Clean());
  kernel_.Refuse(folder + "/rate", absl::OkStatus());
  EXPECT_TRUE(Restore(folder_.File("clocks.journal"), {.boot_id = "b"}, kernel_).Clean());
  EXPECT_EQ(kernel_.Read(folder + "/rate").value(), "800000000");
}

TEST_F(DeviceClocksTest, ARateThatIsReadElsewhereIsVerifiedThere) {
  DeviceClockPaths paths = kMemory;
  paths.rate_read = "kernel/debug/clock/emc/rate";
  kernel_.AddFile("/sys/kernel/debug/clock/emc/rate", "408000000");
  const auto results = lease_->Apply(*PlanDeviceRequest(Clock(paths), {.frequency = {800000}}));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->front().original, "408000000");
  EXPECT_EQ(results->front().asked, "800000000");
  EXPECT_EQ(results->front().obtained, "408000000");
}

}  // namespace
}  // namespace synergy
