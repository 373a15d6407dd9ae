#include "daemon/clocks/frequency_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "common/files.h"
#include "common/sysfs.h"
#include "fmt/format.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kBoot[] = "6d1c2a5e-7d0c-4a0e-9a55-0a1b2c3d4e5f";

class LeaseTest : public testing::Test {
 protected:
  LeaseTest() {
    kernel_.AddPolicy({});
    kernel_.AddDevfreq({});
    kernel_.AddChip();
    before_ = kernel_.Snapshot();
  }
  LeaseOptions Options(const std::string& boot = kBoot) const {
    return {.journal = journal_, .holder = "job 7", .restore = {.boot_id = boot}};
  }
  std::unique_ptr<FrequencyLease> Take() {
    auto lease = FrequencyLease::Take(Options(), kernel_);
    EXPECT_TRUE(lease.ok()) << lease.status();
    return *std::move(lease);
  }
  RestoreReport RestoreNow(const std::string& boot = kBoot) {
    return Restore(journal_, {.boot_id = boot}, kernel_);
  }
  std::string Now(const std::string& name) { return *kernel_.Read(policy_ + "/" + name); }
  Setting Policy(const std::string& name, std::optional<std::string> value = {}) const {
    return {.path = policy_ + "/" + name, .value = std::move(value)};
  }
  std::vector<std::string> Outcomes(const RestoreReport& report, RestoreOutcome outcome) const {
    std::vector<std::string> names;
    for (const RestoredItem& item : report.items) {
      if (item.outcome == outcome) names.push_back(item.path.substr(item.path.rfind('/') + 1));
    }
    return names;
  }

  TempFolder folder_;
  const std::string journal_ = folder_.File("clocks.journal");
  const std::string policy_ = FakeKernel::PolicyFolder(0);
  FakeKernel kernel_;
  std::map<std::string, std::string> before_;
};

TEST_F(LeaseTest, SetSaysWhatTheKernelMadeOfIt) {
  auto lease = Take();
  EXPECT_EQ(*lease->Set(policy_ + "/scaling_governor", "userspace"), "userspace");
  EXPECT_EQ(*lease->Set(policy_ + "/scaling_setspeed", "600000"), "825600");
  EXPECT_EQ(*lease->Set(policy_ + "/scaling_max_freq", "1300000"), "1224000");
  EXPECT_EQ(*lease->Set(policy_ + "/scaling_min_freq", "1734000"), "1224000");
  EXPECT_TRUE(lease->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_FALSE(fs::exists(journal_));
}

TEST_F(LeaseTest, TheJournalIsThereBeforeTheKernelIsWrittenTo) {
  auto lease = Take();
  EXPECT_FALSE(fs::exists(journal_));
  const size_t writes = kernel_.writes().size();
  kernel_.Refuse(policy_ + "/scaling_max_freq", SysfsError("Writing", "it", EIO));
  EXPECT_FALSE(lease->Set(policy_ + "/scaling_max_freq", "1224000").ok());
  EXPECT_EQ(kernel_.writes().size(), writes);
  const auto contents = ParseJournal(*ReadFile(journal_, 1 << 20), journal_);
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->items.front().original, "1734000");
  EXPECT_EQ(contents->boot_id, kBoot);
  EXPECT_EQ(contents->holder, "job 7");
}

TEST_F(LeaseTest, AValueThatCannotBeJournaledIsNotWritten) {
  auto lease = Take();
  fs::create_directory(journal_);  // so that nothing can be renamed to it
  std::ofstream(journal_ + "/full") << "x";
  EXPECT_FALSE(lease->Set(policy_ + "/scaling_max_freq", "1224000").ok());
  EXPECT_THAT(kernel_.writes(), IsEmpty());
  fs::remove_all(journal_);
}

TEST_F(LeaseTest, AnUnknownGovernorIsRefusedAndTheOldOneStays) {
  auto lease = Take();
  const absl::Status status = lease->Set(policy_ + "/scaling_governor", "warp").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(Now("scaling_governor"), "schedutil");
  EXPECT_TRUE(
      absl::IsInvalidArgument(lease->Set(policy_ + "/scaling_setspeed", "204000").status()));
  EXPECT_TRUE(absl::IsNotFound(lease->Set(policy_ + "/no_such", "1").status()));
  EXPECT_TRUE(lease->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(LeaseTest, TunablesOfAGovernorComeBackWithIt) {
  const std::string tunable = policy_ + "/schedutil/rate_limit_us";
  ASSERT_TRUE(kernel_.Write(tunable, "500").ok());
  auto lease = Take();
  ASSERT_TRUE(lease->Apply({{.path = tunable}, Policy("scaling_governor", "performance")}).ok());
  EXPECT_FALSE(kernel_.Read(tunable).ok());
  EXPECT_TRUE(lease->Release().Clean());
  EXPECT_EQ(*kernel_.Read(tunable), "500");
}

TEST_F(LeaseTest, ARequestThatTheKernelOnlyRemembersIsTakenBackToo) {
  ASSERT_TRUE(kernel_.Write(policy_ + "/scaling_max_freq", "1224000").ok());
  ASSERT_TRUE(kernel_.Write(policy_ + "/scaling_min_freq", "1224000").ok());
  auto lease = Take();
  // It reads as before, but lifting max would now lift it.
  EXPECT_EQ(*lease->Set(policy_ + "/scaling_min_freq", "1734000"), "1224000");
  EXPECT_TRUE(lease->Release().Clean());
  ASSERT_TRUE(kernel_.Write(policy_ + "/scaling_max_freq", "1734000").ok());
  EXPECT_EQ(Now("scaling_min_freq"), "1224000");
}

TEST_F(LeaseTest, LimitsThatTheKernelAppliesLaterAreWaitedFor) {
  kernel_.AddPolicy({.number = 4, .late = Milliseconds(20)});
  const std::string late = FakeKernel::PolicyFolder(4);
  const auto before = kernel_.Snapshot();
  auto lease = Take();
  EXPECT_EQ(*lease->Set(late + "/scaling_max_freq", "1224000"), "1224000");
  EXPECT_EQ(*lease->Set(late + "/scaling_min_freq", "1224000"), "1224000");
  const RestoreReport report = lease->Release();
  EXPECT_TRUE(report.Clean());
  EXPECT_THAT(Outcomes(report, RestoreOutcome::kForeign), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before);
}

// On a machine that is so busy that the lease has settled before.
TEST_F(LeaseTest, ALimitThatIsAppliedAfterItWasSettledIsNobodyElses) {
  kernel_.AddPolicy({.number = 4, .late = Milliseconds(400)});
  const std::string late = FakeKernel::PolicyFolder(4);
  const auto before = kernel_.Snapshot();
  auto lease = Take();
  EXPECT_EQ(*lease->Set(late + "/scaling_max_freq", "1224000"), "1734000");
  kernel_.Wait(Milliseconds(400));
  const RestoreReport report = lease->Release();
  EXPECT_TRUE(report.Clean());
  EXPECT_THAT(Outcomes(report, RestoreOutcome::kForeign), IsEmpty());
  EXPECT_EQ(kernel_.Snapshot(), before);
}

// From and to all pairs of limits, on a kernel that refuses crossed ones and on one that counts
// them.
TEST_F(LeaseTest, LimitsNeverCrossOnTheirWayBack) {
  const std::vector<std::string> steps = {"102000", "518400", "1224000", "1734000"};
  for (const bool strict : {false, true}) {
    for (size_t min = 0; min < 4; ++min) {
      for (size_t max = min; max < 4; ++max) {
        for (size_t target = 0; target < 4; ++target) {
          FakeKernel kernel;
          kernel.AddPolicy({.strict = strict});
          ASSERT_TRUE(kernel.Write(policy_ + "/scaling_max_freq", steps[max]).ok());
          ASSERT_TRUE(kernel.Write(policy_ + "/scaling_min_freq", steps[min]).ok());
          const auto before = kernel.Snapshot();
          auto lease = FrequencyLease::Take(Options(), kernel);
          ASSERT_TRUE(lease.ok());
          Setting lower = Policy("scaling_min_freq", steps[target]);
          Setting upper = Policy("scaling_max_freq", steps[target]);
          if (target >= min) std::swap(lower, upper);
          ASSERT_TRUE((*lease)->Apply({lower, upper}).ok());
          EXPECT_TRUE((*lease)->Release().Clean());
          EXPECT_EQ(kernel.Snapshot(), before);
          EXPECT_EQ(kernel.crossed(), 0) << min << " " << max << " " << target;
        }
      }
    }
  }
}

TEST_F(LeaseTest, WhatSomebodyElseHasChangedIsReportedAndLeftAlone) {
  auto lease = Take();
  ASSERT_TRUE(lease
                  ->Apply({Policy("scaling_max_freq", "1224000"),
                           Policy("scaling_governor", "performance")})
                  .ok());
  ASSERT_TRUE(kernel_.Write(policy_ + "/scaling_max_freq", "825600").ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(lease->Set(policy_ + "/scaling_max_freq", "1428000").status()));
  const RestoreReport report = lease->Release();
  EXPECT_TRUE(report.Clean());
  EXPECT_THAT(Outcomes(report, RestoreOutcome::kForeign), ElementsAre("scaling_max_freq"));
  EXPECT_EQ(Now("scaling_max_freq"), "825600");
  EXPECT_EQ(Now("scaling_governor"), "schedutil");
  EXPECT_FALSE(fs::exists(journal_));
  EXPECT_THAT(DescribeReport(report), testing::Contains(HasSubstr("somebody else has changed it")));
}

TEST_F(LeaseTest, ACoolingDeviceIsNobodyElse) {
  const std::string device = "/sys/class/thermal/cooling_device0";
  kernel_.AddFile(device + "/type", "cpufreq-cpu0");
  kernel_.AddFile(device + "/cur_state", "0");
  auto lease = Take();
  ASSERT_TRUE(lease->Set(policy_ + "/scaling_max_freq", "1224000").ok());
  ASSERT_TRUE(kernel_.Write(policy_ + "/scaling_max_freq", "825600").ok());
  ASSERT_TRUE(kernel_.Write(device + "/cur_state", "3").ok());
  const RestoreReport report = lease->Release();
  EXPECT_TRUE(report.Clean());
  EXPECT_THAT(Outcomes(report, RestoreOutcome::kForeign), IsEmpty());
  EXPECT_EQ(Now("scaling_max_freq"), "1734000");
}

TEST_F(LeaseTest, OneFailingControlStopsNoOther) {
  auto lease = Take();
  const std::string gpu = FakeKernel::DevfreqFolder("57000000.gpu");
  ASSERT_TRUE(lease
                  ->Apply({Policy("scaling_governor", "performance"),
                           Policy("scaling_max_freq", "1224000"),
                           {.path = gpu + "/max_freq", .value = "614400000"}})
                  .ok());
  kernel_.Refuse(policy_ + "/scaling_max_freq", SysfsError("Writing", "it", EIO));
  const RestoreReport report = lease->Release();
  EXPECT_FALSE(report.Clean());
  EXPECT_THAT(Outcomes(report, RestoreOutcome::kLeft), ElementsAre("scaling_max_freq"));
  EXPECT_EQ(Now("scaling_governor"), "schedutil");
  EXPECT_EQ(*kernel_.Read(gpu + "/max_freq"), "998400000");
  EXPECT_TRUE(fs::exists(journal_));
  EXPECT_THAT(DescribeReport(report),
              testing::Contains(HasSubstr("NOT restored: " + policy_ + "/scaling_max_freq")));
  // Later it can be written again.
  kernel_.Refuse(policy_ + "/scaling_max_freq", absl::OkStatus());
  EXPECT_TRUE(RestoreNow().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_FALSE(fs::exists(journal_));
}

TEST_F(LeaseTest, ADriverThatIsGoneIsReportedAndItsJournalArchived) {
  auto lease = Take();
  ASSERT_TRUE(lease->Set(policy_ + "/scaling_max_freq", "1224000").ok());
  kernel_.RemoveTree(FakeKernel::CpuFolder() + "/cpufreq/");
  const RestoreReport report = lease->Release();
  EXPECT_FALSE(report.Clean());
  EXPECT_THAT(Outcomes(report, RestoreOutcome::kGone), ElementsAre("scaling_max_freq"));
  EXPECT_EQ(report.archived, journal_ + ".gone");
  EXPECT_FALSE(fs::exists(journal_));
  EXPECT_FALSE(RestoreNow().found);
}

TEST_F(LeaseTest, AnUnboundDriverIsBoundAgainAndItsChipSetAsItWas) {
  ASSERT_TRUE(kernel_.Write("/sys/class/hwmon/hwmon0/samples", "16").ok());
  // As NVIDIA's driver has it, which is in triggered mode when it is bound.
  const std::string iio = FakeKernel::DeviceFolder() + "/iio:device";
  ASSERT_TRUE(kernel_.Write(iio + "0/running_mode", "1").ok());
  before_ = kernel_.Snapshot();
  auto lease = Take();
  EXPECT_EQ(*lease->Set("/sys/class/hwmon/hwmon0/update_interval", "1"), "1");
  EXPECT_EQ(*lease->Set("/sys/class/hwmon/hwmon0/samples", "4"), "4");
  ASSERT_TRUE(lease->Unbind(FakeKernel::DeviceFolder()).ok());
  EXPECT_TRUE(lease->Unbind(FakeKernel::DeviceFolder()).ok());  // no driver is bound to it
  EXPECT_FALSE(kernel_.Read("/sys/class/hwmon/hwmon0/samples").ok());
  EXPECT_TRUE(lease->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before_);
  EXPECT_EQ(*kernel_.Read(kernel_.chip_hwmon() + "/samples"), "16");
  EXPECT_EQ(*kernel_.Read(iio + "1/running_mode"), "1");
}

TEST_F(LeaseTest, NothingOutsideTheRootIsWritten) {
  kernel_.AddFile("/etc/passwd", "root");
  auto lease = Take();
  EXPECT_TRUE(absl::IsInvalidArgument(lease->Set("/etc/passwd", "x").status()));
  EXPECT_EQ(*kernel_.Read("/etc/passwd"), "root");
}

TEST_F(LeaseTest, OneLeaseAtATime) {
  auto lease = Take();
  const absl::Status second = FrequencyLease::Take(Options(), kernel_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_TRUE(absl::IsFailedPrecondition(RestoreNow().status));
  EXPECT_TRUE(lease->Release().Clean());
  Take();
}

TEST_F(LeaseTest, TwoStateFoldersDoNotTakeEachOthersValuesForTheOriginals) {
  // A tree that is there: its device and inode are what counts.
  const auto options = [this](const std::string& name) {
    LeaseOptions lease = Options();
    lease.journal = folder_.File(name + "/clocks.journal");
    lease.restore.lock_folder = folder_.File("locks");
    return lease;
  };
  auto first = *FrequencyLease::Take(options("a"), kernel_);
  auto second = *FrequencyLease::Take(options("b"), kernel_);
  ASSERT_TRUE(first->Set(policy_ + "/scaling_max_freq", "1224000").ok());
  const absl::Status refused = second->Set(policy_ + "/scaling_max_freq", "825600").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("a/clocks.journal"));
  EXPECT_EQ(Now("scaling_max_freq"), "1224000");
  const RestoreReport other = Restore(options("b").journal, options("b").restore, kernel_);
  EXPECT_FALSE(other.found);
  EXPECT_TRUE(first->Release().Clean());
  EXPECT_TRUE(second->Set(policy_ + "/scaling_max_freq", "825600").ok());
  EXPECT_TRUE(second->Release().Clean());
  EXPECT_EQ(kernel_.Snapshot(), before_);
}

TEST_F(LeaseTest, RestoringWaitsForWhoHasTheTree) {
  JournalContents left{.boot_id = kBoot, .holder = "job 3"};
  left.items.push_back(
      {.path = policy_ + "/scaling_max_freq", .original = "1428000", .asked = "1"});
  std::ofstream(journal_) << FormatJournal(left);
  const RestoreOptions restore{.boot_id = kBoot, .lock_folder = folder_.File("locks")};
  {
    const auto other = TreeLock::Take({.folder = restore.lock_folder,
                                       .root = "/sys",
                                       .journal = folder_.File("b/clocks.journal"),
                                       .boot_id = kBoot});
    ASSERT_TRUE(other.ok()) << other.status();
    const RestoreReport report = Restore(journal_, restore, kernel_);
    EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
    EXPECT_THAT(kernel_.writes(), IsEmpty());
  }
  EXPECT_TRUE(Restore(journal_, restore, kernel_).Clean());
  EXPECT_EQ(Now("scaling_max_freq"), "1428000");
}

TEST_F(LeaseTest, AJournalThatWasLeftIsNeverOverwritten) {
  { Take()->Set(policy_ + "/scaling_max_freq", "1224000").IgnoreError(); }
  JournalContents left{.boot_id = kBoot, .holder = "job 3"};
  left.items.push_back(
      {.path = policy_ + "/scaling_max_freq", .original = "1428000", .asked = "1"});
  std::ofstream(journal_) << FormatJournal(left);
  const absl::Status taken = FrequencyLease::Take(Options(), kernel_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(taken));
  EXPECT_THAT(taken.ToString(), HasSubstr("synergyd --restore"));
  EXPECT_THAT(taken.ToString(), HasSubstr("job 3"));
  const RestoreReport report = RestoreNow();
  EXPECT_TRUE(report.Clean());
  EXPECT_EQ(report.holder, "job 3");
  EXPECT_EQ(Now("scaling_max_freq"), "1428000");
}

TEST_F(LeaseTest, AJournalOfAnotherBootIsArchivedAndNotApplied) {
  JournalContents left{.boot_id = "another", .holder = "job 3"};
  left.items.push_back(
      {.path = policy_ + "/scaling_max_freq", .original = "1428000", .asked = "1"});
  std::ofstream(journal_) << FormatJournal(left);
  const RestoreReport report = RestoreNow();
  EXPECT_TRUE(report.Clean());
  EXPECT_TRUE(report.other_boot);
  EXPECT_EQ(report.archived, journal_ + ".other-boot");
  EXPECT_THAT(kernel_.writes(), IsEmpty());
  Take();
}

TEST_F(LeaseTest, ADamagedJournalIsArchivedAndNothingOfItApplied) {
  JournalContents left{.boot_id = kBoot, .holder = "job 3"};
  left.items.push_back(
      {.path = policy_ + "/scaling_max_freq", .original = "1428000", .asked = "1"});
  std::string text = FormatJournal(left);
  text[text.find("1428000")] = '2';
  std::ofstream(journal_) << text;
  const RestoreReport report = RestoreNow();
  EXPECT_TRUE(absl::IsDataLoss(report.status)) << report.status;
  EXPECT_EQ(report.archived, journal_ + ".damaged");
  EXPECT_THAT(kernel_.writes(), IsEmpty());
}

TEST_F(LeaseTest, AJournalThatPointsOutsideTheRootIsKeptAndNotApplied) {
  kernel_.AddFile("/etc/passwd", "root");
  for (const char* path : {"/etc/passwd", "/sys/../etc/passwd"}) {
    JournalContents left{.boot_id = kBoot, .holder = "job 3"};
    left.items.push_back({.path = path, .original = "x", .asked = "y"});
    std::ofstream(journal_) << FormatJournal(left);
    const RestoreReport report = RestoreNow();
    EXPECT_TRUE(absl::IsFailedPrecondition(report.status));
    EXPECT_THAT(std::string(report.status.message()), HasSubstr("--sysfs-root"));
    EXPECT_FALSE(report.Clean());
    EXPECT_TRUE(fs::exists(journal_));
    EXPECT_EQ(report.archived, "");
  }
  EXPECT_EQ(*kernel_.Read("/etc/passwd"), "root");
}

TEST_F(LeaseTest, ACoreThatWasOffGoesOffAgainAfterItsPolicyIsRestored) {
  FakeKernel kernel;
  kernel.AddCore(5, false);
  kernel.AddPolicy({.number = 5, .cpus = {5}});
  const auto before = kernel.Snapshot();
  const std::string folder = FakeKernel::PolicyFolder(5);
  const std::string core = FakeKernel::CpuFolder() + "/cpu5/online";
  auto lease = FrequencyLease::Take(Options(), kernel);
  ASSERT_TRUE(lease.ok());
  EXPECT_TRUE(absl::IsUnavailable((*lease)->Set(folder + "/scaling_max_freq", "204000").status()));
  EXPECT_EQ(*(*lease)->Set(core, "1"), "1");
  EXPECT_EQ(*(*lease)->Set(folder + "/scaling_max_freq", "204000"), "204000");
  const RestoreReport report = (*lease)->Release();
  EXPECT_TRUE(report.Clean());
  EXPECT_EQ(kernel.Snapshot(), before);
}

TEST_F(LeaseTest, CoresComeBackBeforeThePolicyTheyCarry) {
  FakeKernel kernel;
  kernel.AddCore(5, true);
  kernel.AddPolicy({.number = 5, .cpus = {5}});
  const auto before = kernel.Snapshot();
  const std::string folder = FakeKernel::PolicyFolder(5);
  auto lease = FrequencyLease::Take(Options(), kernel);
  ASSERT_TRUE(lease.ok());
  ASSERT_TRUE((*lease)
                  ->Apply({{.path = folder + "/scaling_governor", .value = "powersave"},
                           {.path = FakeKernel::CpuFolder() + "/cpu5/online", .value = "0"}})
                  .ok());
  EXPECT_TRUE(absl::IsUnavailable(kernel.Read(folder + "/scaling_governor").status()));
  EXPECT_TRUE((*lease)->Release().Clean());
  EXPECT_EQ(kernel.Snapshot(), before);
}

TEST_F(LeaseTest, AnEndedLeaseSetsNothing) {
  auto lease = Take();
  EXPECT_TRUE(lease->Release().Clean());
  EXPECT_TRUE(lease->Release().Clean());
  EXPECT_TRUE(absl::IsFailedPrecondition(lease->Set(policy_ + "/scaling_max_freq", "1").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(lease->Unbind(FakeKernel::DeviceFolder())));
  EXPECT_THAT(kernel_.writes(), IsEmpty());
}

TEST_F(LeaseTest, EveryJournalOfAFolderIsRestored) {
  for (const char* name : {"/clocks.journal", "/sensors.journal"}) {
    JournalContents left{.boot_id = kBoot, .holder = name};
    left.items.push_back(
        {.path = policy_ + (name[1] == 'c' ? "/scaling_max_freq" : "/scaling_min_freq"),
         .original = "825600",
         .asked = "1"});
    std::ofstream(folder_.path() + name) << FormatJournal(left);
  }
  std::ofstream(folder_.File("later.journal.new")) << "what a crash left";
  std::ofstream(folder_.File("old.journal.damaged")) << "x";
  const auto reports = RestoreFolder(folder_.path(), {.boot_id = kBoot}, kernel_);
  ASSERT_EQ(reports.size(), 3u);
  for (const auto& [path, report] : reports) EXPECT_TRUE(report.Clean()) << path;
  EXPECT_EQ(Now("scaling_min_freq") + Now("scaling_max_freq"), "825600825600");
  EXPECT_FALSE(fs::exists(folder_.File("later.journal.new")));
  EXPECT_TRUE(RestoreFolder(folder_.File("none"), {.boot_id = kBoot}, kernel_).empty());
}

}  // namespace
}  // namespace synergy
