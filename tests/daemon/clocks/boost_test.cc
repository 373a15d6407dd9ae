#include "daemon/clocks/boost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Speed = CpuRequest::Speed;

class BoostTest : public testing::Test {
 protected:
  std::optional<BoostSwitch> Switch() {
    return FindBoost(kernel_, "/sys", ReadCpuClocks(kernel_, "/sys").value());
  }
  absl::StatusOr<std::vector<SettingResult>> Set(const CpuRequest& request) {
    if (lease_ == nullptr) {
      lease_ = *FrequencyLease::Take({.journal = folder_.File("clocks.journal"),
                                      .holder = "test",
                                      .restore = {.boot_id = "b"}},
                                     kernel_);
    }
    return SetCpuClocks(*lease_, kernel_, "/sys", request);
  }
  void ExpectAllBack(const std::map<std::string, std::string>& before) {
    EXPECT_TRUE(lease_->Release().Clean());
    EXPECT_EQ(kernel_.Snapshot(), before);
  }

  TempFolder folder_;
  FakeKernel kernel_;
  std::unique_ptr<FrequencyLease> lease_;
};

const std::string kNoTurbo = FakeKernel::CpuFolder() + "/intel_pstate/no_turbo";

TEST_F(BoostTest, OfAllPoliciesIsOneSwitchAndComesBackWithTheLimitsThatItMoved) {
  kernel_.AddPolicy({.boost_table = {1912000}});
  kernel_.AddGlobalBoost();
  const auto before = kernel_.Snapshot();
  ASSERT_TRUE(Switch()->on);
  const auto results = Set({.boost = false});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_FALSE(Switch()->on);
  EXPECT_EQ(kernel_.Read(FakeKernel::PolicyFolder(0) + "/scaling_max_freq").value(), "1734000");
  ExpectAllBack(before);
}

TEST_F(BoostTest, OfEachPolicyIsASwitchEachAndOnWhereAllAre) {
  kernel_.AddPolicy({.cpus = {0, 1}, .boost_table = {1912000}});
  kernel_.AddPolicy({.number = 2, .cpus = {2, 3}, .boost_table = {2035000}});
  kernel_.AddPolicy({.number = 4, .cpus = {4}});
  EXPECT_THAT(Switch()->paths, ElementsAre(FakeKernel::PolicyFolder(0) + "/boost",
                                           FakeKernel::PolicyFolder(2) + "/boost"));
  ASSERT_TRUE(kernel_.Write(FakeKernel::PolicyFolder(2) + "/boost", "0").ok());
  EXPECT_FALSE(Switch()->on);
  const auto before = kernel_.Snapshot();
  ASSERT_TRUE(Set({.boost = true}).ok());
  EXPECT_TRUE(Switch()->on);
  ExpectAllBack(before);
}

TEST_F(BoostTest, OfIntelsDriverIsASwitchTheOtherWayRound) {
  kernel_.AddPolicy({});
  kernel_.AddFile(kNoTurbo, "0");
  const auto before = kernel_.Snapshot();
  EXPECT_TRUE(Switch()->inverted);
  EXPECT_TRUE(Switch()->on);
  ASSERT_TRUE(Set({.boost = false}).ok());
  EXPECT_EQ(kernel_.Read(kNoTurbo).value(), "1");
  EXPECT_FALSE(Switch()->on);
  ExpectAllBack(before);
}

TEST_F(BoostTest, IsSwitchedBeforeTheClocksThatItMakesPossible) {
  kernel_.AddPolicy({.boost_table = {1912000}});
  kernel_.AddGlobalBoost();
  ASSERT_TRUE(kernel_.Write(FakeKernel::CpuFolder() + "/cpufreq/boost", "0").ok());
  ASSERT_TRUE(kernel_.Write(FakeKernel::PolicyFolder(0) + "/scaling_max_freq", "1734000").ok());
  const auto before = kernel_.Snapshot();
  EXPECT_TRUE(
      absl::IsInvalidArgument(Set({.speed = Speed::kFrequency, .frequency = {1912000}}).status()))
      << "boost is off";
  const auto results = Set({.speed = Speed::kFrequency, .frequency = {1912000}, .boost = true});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(kernel_.Read(FakeKernel::PolicyFolder(0) + "/scaling_cur_freq").value(), "1912000");
  EXPECT_THAT(
      Set({.speed = Speed::kFrequency, .frequency = {1912000}, .boost = false}).status().ToString(),
      HasSubstr("1912MHz (boost)"));
  ExpectAllBack(before);
}

TEST_F(BoostTest, WithoutASwitchItIsRefusedBeforeAnythingIsWritten) {
  kernel_.AddPolicy({});
  EXPECT_FALSE(Switch().has_value());
  const absl::Status refused = Set({.speed = Speed::kMax, .boost = false}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(refused.ToString(), HasSubstr("no switch for boost"));
  EXPECT_THAT(kernel_.writes(), IsEmpty());
}

}  // namespace
}  // namespace synergy
