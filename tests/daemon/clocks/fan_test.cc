#include "daemon/clocks/fan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FanTest : public testing::Test {
 protected:
  // Holds it under a lease.
  absl::Status Hold(uint32_t percent) {
    const absl::StatusOr<Fan> fan = ReadFan(kernel_, "/sys", paths_);
    if (!fan.ok()) return fan.status();
    lease_ = *FrequencyLease::Take(
        {.journal = folder_.File("clocks.journal"), .holder = "test", .restore = {.boot_id = "b"}},
        kernel_);
    return lease_->Apply(PlanFan(kernel_, *fan, percent)).status();
  }

  const FanPaths paths_ = {
      .targets = {"devices/pwm-fan/target_pwm", "devices/fan/hwmon/hwmon*/pwm1"}, .full = 255};
  TempFolder folder_;
  FakeKernel kernel_;
  std::unique_ptr<FrequencyLease> lease_;
};

TEST_F(FanTest, IsTheFirstThatIsThere) {
  EXPECT_TRUE(absl::IsNotFound(ReadFan(kernel_, "/sys", paths_).status()));
  kernel_.AddFile("/sys/devices/fan/hwmon/hwmon3/pwm1", "102");
  const absl::StatusOr<Fan> fan = ReadFan(kernel_, "/sys", paths_);
  ASSERT_TRUE(fan.ok()) << fan.status();
  EXPECT_EQ(fan->target, "/sys/devices/fan/hwmon/hwmon3/pwm1");
  EXPECT_NEAR(fan->percent, 40, 1e-9);
  kernel_.AddFile("/sys/devices/pwm-fan/target_pwm", "255");
  EXPECT_NEAR(ReadFan(kernel_, "/sys", paths_)->percent, 100, 1e-9);
}

TEST_F(FanTest, IsSetToItsShareOfFullSpeedAndComesBack) {
  kernel_.AddFile("/sys/devices/pwm-fan/target_pwm", "60");
  const auto before = kernel_.Snapshot();
  ASSERT_TRUE(Hold(80).ok());
  EXPECT_THAT(kernel_.writes(), ElementsAre("/sys/devices/pwm-fan/target_pwm=204"));
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before);
}

TEST_F(FanTest, IsTakenFromTheKernelFirstAndGivenBackLast) {
  kernel_.AddFile("/sys/devices/pwm-fan/target_pwm", "60");
  kernel_.AddFile("/sys/devices/pwm-fan/temp_control", "1");
  const auto before = kernel_.Snapshot();
  ASSERT_TRUE(Hold(100).ok());
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_THAT(
      kernel_.writes(),
      ElementsAre("/sys/devices/pwm-fan/temp_control=0", "/sys/devices/pwm-fan/target_pwm=255",
                  "/sys/devices/pwm-fan/target_pwm=60", "/sys/devices/pwm-fan/temp_control=1"));
  EXPECT_EQ(kernel_.Snapshot(), before);
}

TEST_F(FanTest, OfHwmonHasASwitchOfItsOwn) {
  kernel_.AddFile("/sys/devices/fan/hwmon/hwmon3/pwm1", "60");
  kernel_.AddFile("/sys/devices/fan/hwmon/hwmon3/pwm1_enable", "2");
  const auto before = kernel_.Snapshot();
  ASSERT_TRUE(Hold(0).ok());
  EXPECT_EQ(kernel_.Read("/sys/devices/fan/hwmon/hwmon3/pwm1_enable").value(), "1");
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before);
}

TEST_F(FanTest, ThatTheKernelSetsByItselfAgainIsNotLeftBehind) {
  kernel_.AddFile("/sys/devices/pwm-fan/target_pwm", "60");
  kernel_.AddFile("/sys/devices/pwm-fan/temp_control", "1");
  ASSERT_TRUE(Hold(100).ok());
  // As if the kernel had turned it up at once.
  kernel_.Refuse("/sys/devices/pwm-fan/target_pwm", absl::InvalidArgumentError("not by hand"));
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_EQ(kernel_.Read("/sys/devices/pwm-fan/temp_control").value(), "1");
}

TEST_F(FanTest, ByHandBeforeMustBeWhatItWas) {
  kernel_.AddFile("/sys/devices/pwm-fan/target_pwm", "60");
  kernel_.AddFile("/sys/devices/pwm-fan/temp_control", "0");
  ASSERT_TRUE(Hold(100).ok());
  kernel_.Refuse("/sys/devices/pwm-fan/target_pwm", absl::UnavailableError("stuck"));
  EXPECT_FALSE(lease_->Release().Clean());
}

}  // namespace
}  // namespace synergy
