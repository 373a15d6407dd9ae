#include "daemon/jobs/cooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CoolingTest : public testing::Test {
 protected:
  CoolingTest() {
    sysfs_.Write("class/thermal/thermal_zone0/type", "CPU-therm");
    SetTemperature(52000);
  }
  void SetTemperature(int millidegrees) {
    sysfs_.Write("class/thermal/thermal_zone0/temp", std::to_string(millidegrees));
  }
  absl::Status Wait(double below_c, double timeout_s, const ProgressCallback& progress = {}) {
    v1::JobSpec spec;
    spec.set_cool_below_c(below_c);
    spec.set_cool_timeout_s(timeout_s);
    return WaitUntilCool(
        spec, Conditions(KernelFiles(), sysfs_.root()), UntilCancelled(cancel_),
        [&](const JobProgress& now) {
          told_.push_back(now);
          if (progress) progress(now);
        },
        RealClock(), Milliseconds(1));
  }

  FakeSysfs sysfs_;
  CancelToken cancel_;
  std::vector<JobProgress> told_;
};

TEST_F(CoolingTest, WhoAsksForNoneOrIsCoolBeginsAtOnce) {
  EXPECT_TRUE(Wait(0, 0).ok());
  EXPECT_TRUE(Wait(52.5, 0).ok());
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CoolingTest, WaitsAndTellsHowWarmItIs) {
  EXPECT_TRUE(Wait(45, 60, [this](const JobProgress&) {
                if (told_.size() == 3) SetTemperature(44900);
              }).ok());
  ASSERT_THAT(told_, SizeIs(3));
  EXPECT_EQ(told_[0].phase, v1::PHASE_COOLING);
  EXPECT_DOUBLE_EQ(told_[0].hottest_c, 52);
}

TEST_F(CoolingTest, GivesUpWithTheZoneThatIsTooWarm) {
  const absl::Status late = Wait(45, 1e-3);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_THAT(std::string(late.message()),
              AllOf(HasSubstr("CPU-therm is at 52.0 C"), HasSubstr("--cool-timeout")));
}

TEST_F(CoolingTest, ACancellationEndsIt) {
  const absl::Status ended =
      Wait(45, 60, [this](const JobProgress&) { cancel_.Cancel("on request"); });
  EXPECT_TRUE(absl::IsCancelled(ended)) << ended;
}

TEST_F(CoolingTest, WithoutATemperatureItIsRefused) {
  sysfs_.Remove("class/thermal");
  EXPECT_TRUE(absl::IsFailedPrecondition(Wait(45, 60)));
}

}  // namespace
}  // namespace synergy
