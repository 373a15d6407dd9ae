#include "daemon/diagnosis/board_diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "daemon/diagnosis/areas.h"
#include "tests/daemon/diagnosis/checks.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/fake_sysfs.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class DiagnoseBoardTest : public testing::Test {
 protected:
  DiagnoseBoardTest() {
    kernel_.AddPolicy({});
    before_ = kernel_.Snapshot();
    subject_.board.set_name("jetson-tx1");
    subject_.sysfs = machine_.Path("sys");
    subject_.machine = machine_.root();
    subject_.state_dir = state_.path();
    subject_.lease_folders[0] = state_.File("leases");
    subject_.ask_machine = [] { return MachineFacts(); };
    subject_.engines = [] { return std::vector<v1::EngineInfo>(1); };
    subject_.running_job = [this] { return job_; };
    subject_.clocks = &clocks_;
    subject_.clock = &clock_;
  }
  std::vector<std::string> Found(bool try_clocks = false) {
    v1::DiagnoseRequest request;
    request.set_try_clocks(try_clocks);
    return Lines(DiagnoseBoard(subject_, request));
  }

  FakeSysfs machine_;
  TempFolder state_;
  FakeKernel kernel_;
  std::map<std::string, std::string> before_;
  ClockControl clocks_{{.lease_folder = state_.File("leases"), .boot_id = "boot"}, kernel_};
  FakeClock clock_;
  std::string job_;
  DiagnosisSubject subject_;
};

TEST_F(DiagnoseBoardTest, CoversEveryAreaAndWatchesTheLoadForHalfASecond) {
  const MonotonicTime begin = clock_.Now();
  const v1::Diagnosis diagnosis = DiagnoseBoard(subject_, {});
  EXPECT_EQ((clock_.Now() - begin).count, Milliseconds(500).count);
  EXPECT_EQ(diagnosis.board().name(), "jetson-tx1");
  std::set<std::string> areas;
  for (const auto& check : diagnosis.checks()) areas.insert(check.area());
  EXPECT_THAT(areas, testing::UnorderedElementsAre("board", "power", "engines", "clocks",
                                                   "permissions", "counters", "time", "load"))
      << "resolution has nothing to say without a source";
}

TEST_F(DiagnoseBoardTest, LooksAtTheSourcesAsTheyAreNow) {
  subject_.board.add_sources()->set_name("as of the start");
  subject_.sources = [] {
    v1::SourceInfo source;
    source.set_name("gauge");
    source.add_remarks("its counter was reset");
    return std::vector<v1::SourceInfo>{source};
  };
  const v1::Diagnosis diagnosis = DiagnoseBoard(subject_, {});
  ASSERT_EQ(diagnosis.board().sources_size(), 1);
  EXPECT_EQ(diagnosis.board().sources(0).name(), "gauge");
  EXPECT_THAT(Lines(diagnosis), Contains(HasSubstr("its counter was reset")));
}

TEST_F(DiagnoseBoardTest, WithoutTryNothingIsWritten) {
  EXPECT_THAT(Found(), Not(Contains(HasSubstr("tried"))));
  EXPECT_TRUE(kernel_.writes().empty());
}

TEST_F(DiagnoseBoardTest, TryWritesOneControlWhatItIsAndLeavesEverythingAsItWas) {
  EXPECT_THAT(Found(true), Contains(AllOf(StartsWith("good clocks: tried"),
                                          HasSubstr("scaling_governor was schedutil"))));
  EXPECT_FALSE(kernel_.writes().empty());
  for (const std::string& write : kernel_.writes()) {
    EXPECT_THAT(write, HasSubstr("scaling_governor=schedutil"));
  }
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_THAT(Found(true), Not(Contains(HasSubstr("journal")))) << "none was left";
}

TEST_F(DiagnoseBoardTest, TryIsRefusedWhileAJobRunsOrSomebodyHoldsTheClocks) {
  job_ = "20250101-1";
  EXPECT_THAT(Found(true), Contains(AllOf(StartsWith("LIMITED clocks: tried"),
                                          HasSubstr("not while run 20250101-1"))));
  job_ = "";
  v1::ClockRequest request;
  request.set_governor("performance");
  const auto hold = clocks_.Take(request, "ann@lab");
  ASSERT_TRUE(hold.ok()) << hold.status();
  const auto held = kernel_.Snapshot();
  EXPECT_THAT(Found(true), Contains(HasSubstr("not while ann@lab holds the clocks")));
  EXPECT_EQ(kernel_.Snapshot(), held);
}

TEST_F(DiagnoseBoardTest, AKernelThatRefusesIsLimited) {
  kernel_.Refuse(FakeKernel::PolicyFolder(0) + "/scaling_governor",
                 SysfsError("Writing", "scaling_governor", EROFS));
  EXPECT_THAT(Found(true), Contains(AllOf(StartsWith("LIMITED clocks: tried"),
                                          HasSubstr("read-only"), HasSubstr("remount,rw"))));
  kernel_.Refuse(FakeKernel::PolicyFolder(0) + "/scaling_governor", absl::OkStatus());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

}  // namespace
}  // namespace synergy
