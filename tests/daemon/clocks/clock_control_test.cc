#include "daemon/clocks/clock_control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class ClockControlTest : public testing::Test {
 protected:
  ClockControlTest() {
    kernel_.AddPolicy({});
    kernel_.AddDevfreq({});
    before_ = kernel_.Snapshot();
  }
  static v1::ClockRequest Pinned() {
    v1::ClockRequest request;
    request.mutable_cpu()->set_khz(1224000);
    request.mutable_gpu()->set_khz(614400);
    return request;
  }
  std::string Message(const v1::ClockRequest& request) {
    return std::string(control_.Check(request).message());
  }

  TempFolder folder_;
  FakeKernel kernel_;
  std::map<std::string, std::string> before_;
  ClockControl control_{{.lease_folder = folder_.File("leases"), .boot_id = "boot"}, kernel_};
};

TEST_F(ClockControlTest, TakesWhatIsAskedForSaysWhatCameOfItAndPutsItBack) {
  ASSERT_TRUE(control_.CanSet());
  auto hold = control_.Take(Pinned(), "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_EQ((*hold)->lease().holder(), "a test");
  for (const v1::ClockSetting& setting : (*hold)->lease().settings()) {
    EXPECT_EQ(setting.asked(), setting.obtained()) << setting.control();
    EXPECT_FALSE(setting.control().starts_with("/")) << setting.control();
  }
  EXPECT_GE((*hold)->lease().settings_size(), 5);
  const v1::ClockState state = control_.Describe();
  EXPECT_EQ(state.lease().holder(), "a test");
  EXPECT_EQ(state.policies(0).min_khz(), 1224000);
  EXPECT_EQ(state.devices(0).max_hz(), 614400000);
  EXPECT_THAT((*hold)->Release(), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_FALSE(control_.Describe().has_lease());
}

TEST_F(ClockControlTest, DevicesAreWhereTheBoardSaysAndTheFirstThatIsThereIsTaken) {
  kernel_.AddFile("/sys/kernel/debug/emc/rate", "800000000");
  kernel_.AddFile("/sys/kernel/debug/emc/state", "0");
  ClockControl control({.lease_folder = folder_.File("leases"),
                        .boot_id = "boot",
                        .devices = {{.name = "gpu", .devfreq = "class/devfreq/absent"},
                                    {.name = "gpu", .devfreq = "class/devfreq/57000000.gpu"},
                                    {.name = "memory",
                                     .rate = "kernel/debug/emc/rate",
                                     .state = "kernel/debug/emc/state"}}},
                       kernel_);
  const v1::ClockState state = control.Describe();
  ASSERT_EQ(state.devices_size(), 2) << state.DebugString();
  EXPECT_EQ(state.devices(0).name(), "gpu");
  EXPECT_EQ(state.devices(1).name(), "memory");
  EXPECT_EQ(state.devices(1).current_hz(), 800000000);
  EXPECT_TRUE(control.Take(Pinned(), "a test").ok());
  // The board's words count: no GPU of another name is taken for it.
  ClockControl other({.lease_folder = folder_.File("others"),
                      .boot_id = "boot",
                      .devices = {{.name = "gpu", .devfreq = "class/devfreq/absent"}}},
                     kernel_);
  EXPECT_EQ(other.Describe().devices_size(), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(other.Check(Pinned())));
}

TEST_F(ClockControlTest, SaysHowWarmTheBoardIs) {
  kernel_.AddFile("/sys/class/thermal/thermal_zone0/type", "CPU-therm");
  kernel_.AddFile("/sys/class/thermal/thermal_zone0/temp", "45500");
  const v1::ClockState state = control_.Describe();
  ASSERT_EQ(state.temperatures_size(), 1) << state.DebugString();
  EXPECT_EQ(state.temperatures(0).zone(), "CPU-therm");
  EXPECT_EQ(state.temperatures(0).millidegrees(), 45500);
}

TEST_F(ClockControlTest, OneAtATimeHasTheLease) {
  auto first = control_.Take(Pinned(), "the first");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = control_.Take(Pinned(), "the second");
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("held by the first"));
  first->reset();
  EXPECT_TRUE(control_.Take(Pinned(), "the second").ok());
}

TEST_F(ClockControlTest, UnknownFrequenciesAreRefusedWithTheTable) {
  v1::ClockRequest request;
  request.mutable_cpu()->set_khz(1225000);
  EXPECT_THAT(Message(request), AllOf(HasSubstr("1225MHz"), HasSubstr("1224MHz 1428MHz")));
  EXPECT_TRUE(absl::IsInvalidArgument(control_.Take(request, "a test").status()));
  request = {};
  request.mutable_gpu()->set_khz(1000);
  EXPECT_THAT(Message(request), HasSubstr("76.8MHz 153.6MHz"));
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_FALSE(control_.Describe().has_lease());
}

TEST_F(ClockControlTest, WhatTheKernelRefusesLeavesEverythingAsItWas) {
  kernel_.Refuse(kernel_.Resolve(FakeKernel::DevfreqFolder("57000000.gpu") + "/max_freq").value(),
                 absl::UnavailableError("the bus is stuck"));
  const auto hold = control_.Take(Pinned(), "a test");
  EXPECT_THAT(std::string(hold.status().message()), HasSubstr("the bus is stuck"));
  kernel_.Refuse(kernel_.Resolve(FakeKernel::DevfreqFolder("57000000.gpu") + "/max_freq").value(),
                 absl::OkStatus());
  EXPECT_TRUE(control_.Take(Pinned(), "a test").ok());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(ClockControlTest, WhatAnEarlierLeaseCouldNotPutBackIsTriedAgain) {
  const std::string max = FakeKernel::PolicyFolder(0) + "/scaling_max_freq";
  auto hold = control_.Take(Pinned(), "the unlucky one");
  ASSERT_TRUE(hold.ok()) << hold.status();
  kernel_.Refuse(max, absl::UnavailableError("busy"));
  EXPECT_THAT((*hold)->Release(), testing::Not(IsEmpty()));
  kernel_.Refuse(max, absl::OkStatus());
  hold = control_.Take(Pinned(), "the next one");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_THAT((*hold)->Release(), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(ClockControlTest, WhatAnEndedLeaseHasLeftIsShownWithWhatToDo) {
  const std::string max = FakeKernel::PolicyFolder(0) + "/scaling_max_freq";
  auto hold = control_.Take(Pinned(), "the unlucky one");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_EQ(control_.Describe().left_size(), 0) << "it is held";
  kernel_.Refuse(max, absl::UnavailableError("busy"));
  (*hold)->Release();
  const v1::ClockState state = control_.Describe();
  ASSERT_EQ(state.left_size(), 2) << state.DebugString();
  EXPECT_EQ(state.left(0), max + " is 1224000 and was 1734000");
  EXPECT_THAT(state.left(1), AllOf(HasSubstr("the unlucky one"), HasSubstr("synergyd --restore")));
  const auto next = control_.Take(Pinned(), "the next one");
  EXPECT_THAT(std::string(next.status().message()),
              AllOf(HasSubstr("the unlucky one"), HasSubstr("synergyd --restore")));
  kernel_.Refuse(max, absl::OkStatus());
  EXPECT_TRUE(control_.Take(Pinned(), "the next one").ok());
  EXPECT_EQ(control_.Describe().left_size(), 0);
}

TEST_F(ClockControlTest, EveryLeaseHasAnIdOfItsOwn) {
  const std::string first = (*control_.Take(Pinned(), "ann"))->lease().id();
  const std::string second = (*control_.Take(Pinned(), "ann"))->lease().id();
  EXPECT_FALSE(first.empty());
  EXPECT_NE(first, second);
}

TEST_F(ClockControlTest, MemoryBoostAndFanAreHeldAndComeBack) {
  kernel_.AddFile("/sys/kernel/debug/emc/rate", "800000000");
  kernel_.AddFile("/sys/kernel/debug/emc/state", "0");
  kernel_.AddFile("/sys/devices/pwm-fan/target_pwm", "0");
  kernel_.AddFile(FakeKernel::CpuFolder() + "/intel_pstate/no_turbo", "0");
  before_ = kernel_.Snapshot();
  ClockControl control({.lease_folder = folder_.File("leases"),
                        .boot_id = "boot",
                        .devices = {{.name = "memory",
                                     .rate = "kernel/debug/emc/rate",
                                     .state = "kernel/debug/emc/state"}},
                        .fan = FanPaths{.targets = {"devices/pwm-fan/target_pwm"}, .full = 255}},
                       kernel_);
  v1::ClockRequest request;
  request.mutable_memory()->set_khz(408000);
  request.set_boost(false);
  request.set_fan_percent(100);
  EXPECT_EQ(control.Describe().boost(), true);
  auto hold = control.Take(request, "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  const v1::ClockState held = control.Describe();
  EXPECT_EQ(held.devices(1).current_hz(), 408000000);
  EXPECT_EQ(held.boost(), false);
  EXPECT_EQ(held.fan_percent(), 100);
  EXPECT_EQ(kernel_.Read("/sys/kernel/debug/emc/state").value(), "1");
  EXPECT_THAT((*hold)->Release(), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(ClockControlTest, WhatThisKernelLacksIsRefusedInClearWords) {
  v1::ClockRequest request;
  request.mutable_memory()->set_extreme(v1::ClockSpeed::EXTREME_MAX);
  EXPECT_THAT(Message(request), HasSubstr("no clock of the memory"));
  request = {};
  request.set_fan_percent(50);
  EXPECT_THAT(Message(request), HasSubstr("its profile names none"));
  request = {};
  request.set_boost(true);
  EXPECT_THAT(Message(request), HasSubstr("no switch for boost"));
  EXPECT_TRUE(absl::IsFailedPrecondition(control_.Check(request)));
  const v1::ClockState state = control_.Describe();
  EXPECT_FALSE(state.has_boost());
  EXPECT_FALSE(state.has_fan_percent());
  ClockControl with_fan({.lease_folder = folder_.File("others"),
                         .boot_id = "boot",
                         .fan = FanPaths{.targets = {"devices/no-fan"}, .full = 255}},
                        kernel_);
  request = {};
  request.set_fan_percent(50);
  EXPECT_THAT(std::string(with_fan.Check(request).message()), HasSubstr("devices/no-fan"));
}

TEST_F(ClockControlTest, ATrialWritesWhatIsThereAndLeavesEverythingAsItWas) {
  const auto trial = control_.Try("a doctor");
  ASSERT_TRUE(trial.ok()) << trial.status();
  EXPECT_EQ(trial->setting.control(), "devices/system/cpu/cpufreq/policy0/scaling_governor");
  EXPECT_EQ(trial->setting.original(), "schedutil");
  EXPECT_EQ(trial->setting.asked(), "schedutil");
  EXPECT_EQ(trial->setting.obtained(), "schedutil");
  EXPECT_THAT(trial->left, IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_TRUE(control_.Take(Pinned(), "the next one").ok());
}

TEST_F(ClockControlTest, ATrialIsRefusedToWhoeverComesWhileTheClocksAreHeld) {
  const auto hold = control_.Take(Pinned(), "ann@lab");
  ASSERT_TRUE(hold.ok());
  const absl::Status refused = control_.Try("a doctor").status();
  EXPECT_TRUE(absl::IsUnavailable(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("ann@lab"));
}

TEST_F(ClockControlTest, ATrialThatTheKernelRefusesEndsItsLease) {
  kernel_.Refuse(FakeKernel::PolicyFolder(0) + "/scaling_governor",
                 absl::PermissionDeniedError("read-only"));
  EXPECT_TRUE(absl::IsPermissionDenied(control_.Try("a doctor").status()));
  kernel_.Refuse(FakeKernel::PolicyFolder(0) + "/scaling_governor", absl::OkStatus());
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_TRUE(control_.Take(Pinned(), "the next one").ok());
}

TEST_F(ClockControlTest, WhereNothingCanBeSetItSaysWhy) {
  ClockControl none(
      {.lease_folder = folder_.File("leases"), .boot_id = "boot", .cannot_set = "not root"},
      kernel_);
  EXPECT_FALSE(none.CanSet());
  EXPECT_EQ(none.Check(Pinned()).message(), "not root");
  EXPECT_EQ(none.Describe().notes(0), "not root");
}

}  // namespace
}  // namespace synergy
