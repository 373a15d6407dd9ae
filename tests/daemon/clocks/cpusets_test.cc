#include "daemon/clocks/cpusets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/clocks/clock_control.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kTop[] = "/sys/fs/cgroup/cpuset";

class CpusetsTest : public testing::Test {
 protected:
  CpusetsTest() {
    kernel_.AddPolicy({});
    kernel_.AddCpuset(docker_, {0, 1, 2, 3});
    kernel_.AddCpuset(container_, {1, 2, 3});
    before_ = kernel_.Snapshot();
  }
  static v1::ClockRequest Cores(std::initializer_list<uint32_t> cpus) {
    v1::ClockRequest request;
    request.mutable_cpus()->Assign(cpus.begin(), cpus.end());
    return request;
  }
  std::string Cpus(const std::string& folder) { return *kernel_.Read(folder + "/cpuset.cpus"); }

  const std::string docker_ = std::string(kTop) + "/docker";
  const std::string container_ = docker_ + "/4f2a.scope";
  TempFolder folder_;
  FakeKernel kernel_;
  std::map<std::string, std::string> before_;
  ClockControl control_{{.lease_folder = folder_.File("leases"), .boot_id = "boot"}, kernel_};
};

TEST_F(CpusetsTest, GetTheirCoresBackWithALeasesEnd) {
  auto hold = control_.Take(Cores({0, 1}), "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_EQ(Cpus(docker_), "0-1");
  EXPECT_EQ(Cpus(container_), "1");
  EXPECT_THAT((*hold)->lease().notes(), ElementsAre(HasSubstr("CPUs 2-3 go off")));
  EXPECT_THAT((*hold)->Release(), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(CpusetsTest, WhatSomebodyElseGaveThemIsLeft) {
  auto hold = control_.Take(Cores({0, 1}), "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  ASSERT_TRUE(kernel_.Write(container_ + "/cpuset.cpus", "0").ok());
  EXPECT_THAT((*hold)->Release(), ElementsAre(HasSubstr("4f2a.scope/cpuset.cpus at 0: somebody")));
  EXPECT_EQ(Cpus(docker_), "0-3");
}

TEST_F(CpusetsTest, WhatTheKernelTakesLaterComesBackToo) {
  auto hold = control_.Take(Cores({0, 1}), "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  kernel_.AddCpuset(container_, {1, 2});  // it has taken 3 out so far
  EXPECT_THAT((*hold)->Release(), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(CpusetsTest, OneThatWouldBeEmptyIsToldInTheLease) {
  auto hold = control_.Take(Cores({0}), "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_THAT((*hold)->lease().notes(),
              Contains(HasSubstr("4f2a.scope/cpuset.cpus has no CPU but these")));
  EXPECT_THAT((*hold)->Release(), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(CpusetsTest, AreLeftAloneWhereNoCoreGoesOff) {
  v1::ClockRequest request;
  request.mutable_cpu()->set_khz(1224000);
  auto hold = control_.Take(request, "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_THAT((*hold)->lease().notes(), IsEmpty());
  std::vector<Setting> plan;
  NoteCpusets(kernel_, "/sys", plan);
  EXPECT_THAT(plan, SizeIs(2));
}

TEST_F(CpusetsTest, NothingIsToldOfSimulatedCores) {
  ClockControl simulated(
      {.lease_folder = folder_.File("simulated"), .boot_id = "boot", .simulated = true}, kernel_);
  const auto hold = simulated.Take(Cores({0, 1}), "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  EXPECT_THAT((*hold)->lease().notes(), IsEmpty());
}

TEST_F(CpusetsTest, AndroidsCannotBeWrittenAndAreTold) {
  kernel_.AddFile("/dev/cpuset/cpus", "0-3");
  EXPECT_THAT(CpusetNotes(kernel_, "/sys", {3}), Contains(HasSubstr("/dev/cpuset lose CPUs 3")));
}

TEST_F(CpusetsTest, WhatSomebodyElseHasMadeSmallerIsLeft) {
  auto hold = control_.Take(Cores({0, 1, 2}), "a test");
  ASSERT_TRUE(hold.ok()) << hold.status();
  ASSERT_TRUE(kernel_.Write(container_ + "/cpuset.cpus", "2").ok());  // only 3 went off
  EXPECT_THAT((*hold)->Release(), Contains(HasSubstr("cpuset.cpus")));
  EXPECT_EQ(kernel_.Read(container_ + "/cpuset.cpus").value(), "2");
}

TEST(Cpusets, TheKernelTakesOnlyCoresThatWentOff) {
  EXPECT_TRUE(IsWithoutCores("0,2-3", "0-3", {1}));
  EXPECT_TRUE(IsWithoutCores("", "0-3", {0, 1, 2, 3}));
  EXPECT_FALSE(IsWithoutCores("0", "0-3", {2, 3})) << "somebody else took 1";
  EXPECT_FALSE(IsWithoutCores("0-4", "0-3", {1}));
}

}  // namespace
}  // namespace synergy
