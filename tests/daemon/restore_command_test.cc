// synergyd --restore, and what a daemon does with left leases when it starts, on a captured tree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "common/files.h"
#include "common/sysfs.h"
#include "daemon/clocks/frequency_lease.h"
#include "daemon/installation.h"
#include "daemon/lease_restorer.h"
#include "fmt/format.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RestoreCommand : public testing::Test {
 protected:
  RestoreCommand() {
    fs::create_directories(policy_);
    SetValue("scaling_min_freq", "102000");
    SetValue("scaling_max_freq", "1734000");
  }
  void SetValue(const std::string& name, const std::string& value) {
    std::ofstream(policy_ + "/" + name) << value << "\n";
  }
  std::string Value(const std::string& name) { return *ReadSysfs(policy_ + "/" + name); }
  // As a daemon that was killed leaves it.
  void LeaveLease(const std::string& boot_id) {
    fs::create_directories(LeaseFolder(state_));
    fs::permissions(state_, fs::perms(0700));
    const std::string folder = fs::canonical(policy_);
    JournalContents left{.boot_id = boot_id, .holder = "job 20250101-1"};
    left.items.push_back(
        {.path = folder + "/scaling_max_freq", .original = "1734000", .asked = "1224000"});
    left.items.push_back(
        {.path = folder + "/scaling_min_freq", .original = "102000", .asked = "1224000"});
    std::ofstream(LeaseFolder(state_) + "/clocks.journal") << FormatJournal(left);
    SetValue("scaling_max_freq", "1224000");
    SetValue("scaling_min_freq", "1224000");
  }
  // The exit code; `output_` is what it printed.
  int Run(const std::string& arguments) {
    const std::string command =
        fmt::format("'{}' --state '{}' {} 2>&1", SYNERGY_TEST_DAEMON, state_, arguments);
    FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return -1;
    output_.clear();
    char buffer[4096];
    while (fgets(buffer, sizeof(buffer), pipe) != nullptr) output_ += buffer;
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Restore() { return Run(fmt::format("--restore --sysfs-root '{}'", root_)); }

  TempFolder folder_;
  const std::string root_ = folder_.File("sys");
  const std::string state_ = folder_.File("state");
  const std::string policy_ = root_ + "/devices/system/cpu/cpufreq/policy0";
  const std::string boot_ = ReadSysfs("/proc/sys/kernel/random/boot_id").value_or("");
  std::string output_;
};

TEST_F(RestoreCommand, PutsBackWhatWasLeftAndSaysSo) {
  LeaveLease(boot_);
  EXPECT_EQ(Restore(), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("a lease of job 20250101-1 was not ended well"));
  EXPECT_THAT(output_, HasSubstr("scaling_max_freq to 1734000"));
  EXPECT_EQ(Value("scaling_min_freq") + " " + Value("scaling_max_freq"), "102000 1734000");
  EXPECT_FALSE(fs::exists(LeaseFolder(state_) + "/clocks.journal"));
  EXPECT_EQ(Restore(), 0);
  EXPECT_EQ(output_, "nothing to restore\n");
}

TEST_F(RestoreCommand, AStateFolderThatIsNamedAndNotThereIsAFailureAndNoneIsMade) {
  EXPECT_EQ(Restore(), 1) << output_;
  EXPECT_THAT(output_, HasSubstr("no state folder " + state_));
  EXPECT_FALSE(fs::exists(state_));
}

TEST_F(RestoreCommand, WhatCannotBePutBackIsAFailure) {
  LeaveLease(boot_);
  fs::remove(policy_ + "/scaling_max_freq");
  EXPECT_EQ(Restore(), 1);
  EXPECT_THAT(output_, HasSubstr("cannot restore"));
  EXPECT_EQ(Value("scaling_min_freq"), "102000");
  EXPECT_TRUE(fs::exists(LeaseFolder(state_) + "/clocks.journal.gone"));
}

TEST_F(RestoreCommand, AnotherBootsJournalIsKeptAndNotApplied) {
  LeaveLease("another");
  EXPECT_EQ(Restore(), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("the board has been restarted since"));
  EXPECT_EQ(Value("scaling_max_freq"), "1224000");
  EXPECT_TRUE(fs::exists(LeaseFolder(state_) + "/clocks.journal.other-boot"));
}

TEST_F(RestoreCommand, ADamagedJournalIsAFailureUntilItIsDeleted) {
  LeaveLease(boot_);
  std::ofstream(LeaseFolder(state_) + "/clocks.journal", std::ios::app) << "x";
  EXPECT_EQ(Restore(), 1);
  EXPECT_THAT(output_, HasSubstr("is damaged"));
  EXPECT_EQ(Value("scaling_max_freq"), "1224000");
  EXPECT_EQ(Restore(), 1);
  EXPECT_THAT(output_, HasSubstr("clocks.journal.damaged"));
  fs::remove(LeaseFolder(state_) + "/clocks.journal.damaged");
  EXPECT_EQ(Restore(), 0);
}

TEST_F(RestoreCommand, AJournalOfAnotherTreeIsKeptForIt) {
  LeaveLease(boot_);
  const std::string other = folder_.File("other");
  fs::create_directories(other);
  EXPECT_EQ(Run(fmt::format("--restore --sysfs-root '{}'", other)), 1);
  EXPECT_THAT(output_, HasSubstr("give the --sysfs-root"));
  EXPECT_EQ(Value("scaling_max_freq"), "1224000");
  EXPECT_EQ(Restore(), 0) << output_;
  EXPECT_EQ(Value("scaling_max_freq"), "1734000");
}

TEST_F(RestoreCommand, ADaemonThatHoldsTheStateFolderIsNotDisturbed) {
  LeaveLease(boot_);
  const absl::StatusOr<StateFolder> daemon = StateFolder::Open(state_);
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_EQ(Restore(), 1);
  EXPECT_THAT(output_, HasSubstr("Another synergyd"));
  EXPECT_EQ(Value("scaling_max_freq"), "1224000");
}

// The folder of the engines is empty, so it goes no further than what it does first.
TEST_F(RestoreCommand, ADaemonRestoresBeforeAnythingElse) {
  LeaveLease(boot_);
  EXPECT_EQ(Run(fmt::format("--sysfs-root '{}' --libexec '{}' --listen unix:'{}'", root_,
                            folder_.path(), folder_.File("socket"))),
            1);
  EXPECT_THAT(output_, HasSubstr("restored"));
  EXPECT_THAT(output_, HasSubstr("synergy-launcher"));
  EXPECT_EQ(Value("scaling_max_freq"), "1734000");
}

}  // namespace
}  // namespace synergy
