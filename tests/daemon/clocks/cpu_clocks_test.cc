#include "daemon/clocks/cpu_clocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Speed = CpuRequest::Speed;

class CpuClocksTest : public testing::Test {
 protected:
  CpuClocks Clocks() {
    absl::StatusOr<CpuClocks> clocks = ReadCpuClocks(kernel_, "/sys");
    EXPECT_TRUE(clocks.ok()) << clocks.status();
    return *std::move(clocks);
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
  std::string Now(const std::string& name, int policy = 0) {
    return kernel_.Read(FakeKernel::PolicyFolder(policy) + "/" + name).value_or("?");
  }

  TempFolder folder_;
  FakeKernel kernel_;
  std::unique_ptr<FrequencyLease> lease_;
};

TEST_F(CpuClocksTest, APolicyIsReadWhole) {
  kernel_.AddPolicy({.boost_table = {1912000}});
  const CpuClocks clocks = Clocks();
  ASSERT_THAT(clocks.policies, SizeIs(1));
  const CpuPolicy& policy = clocks.policies[0];
  EXPECT_EQ(policy.name, "policy0");
  EXPECT_EQ(policy.driver, "cpufreq-dt");
  EXPECT_EQ(policy.governor, "schedutil");
  EXPECT_TRUE(policy.HasGovernor("interactive"));
  EXPECT_EQ(policy.frequencies.size(), 8u);
  EXPECT_EQ(policy.frequencies.front().khz, 102000);
  EXPECT_THAT(policy.boost_frequencies, ElementsAre(Frequency{1912000}));
  EXPECT_EQ(policy.lowest.khz, 102000);
  EXPECT_EQ(policy.highest.khz, 1912000);
  EXPECT_EQ(policy.min.khz, 102000);
  EXPECT_EQ(policy.max.khz, 1912000);
  EXPECT_EQ(policy.current->khz, 102000);
  EXPECT_FALSE(policy.setspeed.has_value());
  EXPECT_EQ(policy.boost, true);
  EXPECT_THAT(policy.related_cpus, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(clocks.cores, SizeIs(4));
  EXPECT_TRUE(clocks.cores[0].fixed);
  EXPECT_FALSE(clocks.cores[3].fixed);
}

TEST_F(CpuClocksTest, ACoreThatIsOffIsRelatedButNotAffected) {
  kernel_.AddCore(3, false);
  kernel_.AddPolicy({});
  const CpuClocks clocks = Clocks();
  EXPECT_THAT(clocks.policies[0].related_cpus, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(clocks.policies[0].affected_cpus, ElementsAre(0, 1, 2));
  EXPECT_FALSE(clocks.cores[3].on);
}

TEST_F(CpuClocksTest, OldKernelsHaveAFolderPerCore) {
  kernel_.AddCore(0, true, true);
  kernel_.AddCore(1, true);
  for (const char* file : {"scaling_governor", "scaling_driver"}) {
    kernel_.AddFile(FakeKernel::CpuFolder() + "/cpu0/cpufreq/" + file, "interactive");
  }
  kernel_.AddFile(FakeKernel::CpuFolder() + "/cpu0/cpufreq/affected_cpus", "0 1");
  const CpuClocks clocks = Clocks();
  ASSERT_THAT(clocks.policies, SizeIs(1));
  EXPECT_EQ(clocks.policies[0].name, "cpu0");
  EXPECT_EQ(clocks.policies[0].folder, FakeKernel::CpuFolder() + "/cpu0/cpufreq");
  EXPECT_EQ(clocks.policies[0].governor, "interactive");
}

TEST_F(CpuClocksTest, NoSysfsIsSaid) {
  const absl::Status status = ReadCpuClocks(kernel_, "/sys").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(status.ToString(), HasSubstr("shows no CPUs"));
}

TEST_F(CpuClocksTest, AFrequencyPinsBothLimitsWithoutCrossingThem) {
  kernel_.AddPolicy({.number = 0, .cpus = {0, 1}, .strict = true});
  kernel_.AddPolicy({.number = 2, .cpus = {2, 3}, .governor = "interactive", .strict = true});
  const auto before = kernel_.Snapshot();
  for (const int64_t khz : {1224000, 102000, 1734000, 204000}) {
    const auto results = Set({.speed = Speed::kFrequency, .frequency = {khz}});
    ASSERT_TRUE(results.ok()) << results.status();
    for (const SettingResult& result : *results) EXPECT_EQ(result.asked, result.obtained);
    for (const int policy : {0, 2}) {
      EXPECT_EQ(Now("scaling_cur_freq", policy), std::to_string(khz));
      EXPECT_EQ(Now("scaling_governor", policy), "performance");
    }
  }
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before);
  EXPECT_EQ(kernel_.crossed(), 0);
}

TEST_F(CpuClocksTest, MinAndMaxAreTheEndsOfEachTable) {
  kernel_.AddPolicy({.number = 0, .cpus = {0, 1}});
  kernel_.AddPolicy({.number = 2, .cpus = {2, 3}, .table = {307200, 2150400}});
  ASSERT_TRUE(Set({.speed = Speed::kMax}).ok());
  EXPECT_EQ(Now("scaling_min_freq", 0), "1734000");
  EXPECT_EQ(Now("scaling_min_freq", 2), "2150400");
  ASSERT_TRUE(Set({.speed = Speed::kMin}).ok());
  EXPECT_EQ(Now("scaling_max_freq", 0), "102000");
  EXPECT_EQ(Now("scaling_max_freq", 2), "307200");
}

TEST_F(CpuClocksTest, UserspaceIsGivenTheSpeedToo) {
  kernel_.AddPolicy({});
  const auto before = kernel_.Snapshot();
  ASSERT_TRUE(
      Set({.speed = Speed::kFrequency, .frequency = {825600}, .governor = "userspace"}).ok());
  EXPECT_EQ(Now("scaling_setspeed"), "825600");
  EXPECT_EQ(Now("scaling_governor"), "userspace");
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before);
}

TEST_F(CpuClocksTest, AnUnknownFrequencyIsRefusedWithTheTableAndNothingIsWritten) {
  kernel_.AddPolicy({});
  const absl::Status status = Set({.speed = Speed::kFrequency, .frequency = {1225000}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.ToString(), HasSubstr("has no 1225MHz"));
  EXPECT_THAT(status.ToString(), HasSubstr("102MHz 204MHz 403.2MHz"));
  EXPECT_THAT(kernel_.writes(), IsEmpty());
}

TEST_F(CpuClocksTest, OneClusterThatCannotIsEnoughToRefuse) {
  kernel_.AddPolicy({.number = 0, .cpus = {0, 1}});
  kernel_.AddPolicy({.number = 2, .cpus = {2, 3}, .table = {307200, 2150400}});
  const absl::Status status = Set({.speed = Speed::kFrequency, .frequency = {1224000}}).status();
  EXPECT_THAT(status.ToString(), HasSubstr("policy2"));
  EXPECT_THAT(kernel_.writes(), IsEmpty());
  // Of the cores of the first one only, it can be had.
  EXPECT_TRUE(Set({.speed = Speed::kFrequency, .frequency = {1224000}, .cpus = {0, 1}}).ok());
  EXPECT_EQ(Now("scaling_cur_freq"), "1224000");
}

TEST_F(CpuClocksTest, WithoutATableTheLimitsOfTheHardwareDecide) {
  kernel_.AddPolicy({.show_table = false});
  EXPECT_THAT(Set({.speed = Speed::kFrequency, .frequency = {2000000}}).status().ToString(),
              HasSubstr("any from 102MHz to 1734MHz"));
  EXPECT_TRUE(Set({.speed = Speed::kFrequency, .frequency = {1224000}}).ok());
}

TEST_F(CpuClocksTest, ABoostFrequencyNeedsBoost) {
  kernel_.AddPolicy({.boost_table = {1912000}});
  EXPECT_TRUE(Set({.speed = Speed::kFrequency, .frequency = {1912000}}).ok());
  EXPECT_EQ(Now("scaling_cur_freq"), "1912000");
  ASSERT_TRUE(kernel_.Write(FakeKernel::PolicyFolder(0) + "/boost", "0").ok());
  EXPECT_THAT(Set({.speed = Speed::kFrequency, .frequency = {1912000}}).status().ToString(),
              HasSubstr("1912MHz (boost)"));
}

TEST_F(CpuClocksTest, AnUnknownGovernorIsRefusedWithThoseThereAre) {
  kernel_.AddPolicy({});
  const absl::Status status = Set({.governor = "warp"}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.ToString(), HasSubstr("interactive ondemand performance"));
}

TEST_F(CpuClocksTest, AGovernorAloneLeavesTheLimits) {
  kernel_.AddPolicy({});
  ASSERT_TRUE(Set({.governor = "interactive"}).ok());
  EXPECT_EQ(Now("scaling_governor"), "interactive");
  EXPECT_EQ(Now("scaling_max_freq"), "1734000");
  EXPECT_THAT(kernel_.writes(), SizeIs(1));
}

TEST_F(CpuClocksTest, CoresGoOnAndOffAndComeBack) {
  kernel_.AddCore(3, false);
  kernel_.AddCore(5, false);
  kernel_.AddPolicy({});
  kernel_.AddPolicy({.number = 5, .cpus = {5}});
  const auto before = kernel_.Snapshot();
  const auto results = Set({.speed = Speed::kMin, .cpus = {0, 3, 5}});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(Now("affected_cpus"), "0 3");
  EXPECT_EQ(Now("affected_cpus", 5), "5");
  EXPECT_EQ(Now("scaling_max_freq", 5), "102000");
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before);
}

TEST_F(CpuClocksTest, APolicyThatLosesItsLastCoreGetsBackWhatWentWithItsGovernor) {
  kernel_.AddPolicy({.cpus = {0, 1}});
  kernel_.AddPolicy({.number = 2, .cpus = {2, 3}});
  kernel_.AddPolicy({.number = 4, .cpus = {4}, .governor = "userspace"});
  const std::string tunable = FakeKernel::PolicyFolder(2) + "/schedutil/rate_limit_us";
  ASSERT_TRUE(kernel_.Write(tunable, "500").ok());
  const std::string userspace = FakeKernel::PolicyFolder(4);
  ASSERT_TRUE(kernel_.Write(userspace + "/scaling_setspeed", "1224000").ok());
  const auto before = kernel_.Snapshot();
  for (const CpuRequest& request :
       {CpuRequest{.cpus = {0, 1}}, CpuRequest{.speed = Speed::kMax, .cpus = {0, 1}},
        CpuRequest{.cpus = {0, 3, 4}}}) {
    ASSERT_TRUE(Set(request).ok());
    EXPECT_NE(kernel_.Snapshot(), before);
    EXPECT_TRUE(lease_->Release().Clean());
    lease_.reset();
    EXPECT_EQ(kernel_.Snapshot(), before);
  }
}

TEST_F(CpuClocksTest, CoresThatAreNotThereOrCannotBeSwitchedAreRefused) {
  kernel_.AddPolicy({});
  EXPECT_THAT(Set({.cpus = {0, 9}}).status().ToString(), HasSubstr("no CPU 9: there are 0 to 3"));
  EXPECT_THAT(Set({.cpus = {1, 2}}).status().ToString(), HasSubstr("CPU 0 cannot be switched off"));
  EXPECT_THAT(kernel_.writes(), IsEmpty());
}

TEST_F(CpuClocksTest, AKernelWithoutCpufreqIsSaid) {
  kernel_.AddCore(0, true, true);
  EXPECT_THAT(Set({.speed = Speed::kMax}).status().ToString(), HasSubstr("no cpufreq driver"));
  EXPECT_TRUE(Set({.cpus = {0}}).ok());
}

TEST_F(CpuClocksTest, TheTunablesOfTheGovernorComeBack) {
  kernel_.AddPolicy({});
  const std::string tunable = FakeKernel::PolicyFolder(0) + "/schedutil/rate_limit_us";
  ASSERT_TRUE(kernel_.Write(tunable, "250").ok());
  const auto before = kernel_.Snapshot();
  ASSERT_TRUE(Set({.speed = Speed::kMax}).ok());
  EXPECT_TRUE(lease_->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before);
}

}  // namespace
}  // namespace synergy
