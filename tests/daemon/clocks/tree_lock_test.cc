#include "daemon/clocks/tree_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fmt/format.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class TreeLockTest : public testing::Test {
 protected:
  TreeLockTest() {
    for (const char* name : {"sys", "sys2", "a/leases", "b/leases"}) {
      fs::create_directories(folder_.File(name));
    }
  }
  absl::StatusOr<TreeLock> Take(const std::string& state, const std::string& name = "clocks",
                                const std::string& root = "sys") {
    return TreeLock::Take({.folder = folder_.File("locks"),
                           .root = folder_.File(root),
                           .journal = Journal(state, name),
                           .boot_id = boot_});
  }
  std::string Journal(const std::string& state, const std::string& name = "clocks") {
    return fmt::format("{}/leases/{}.journal", folder_.File(state), name);
  }

  TempFolder folder_;
  std::string boot_ = "this";
};

TEST_F(TreeLockTest, OneOfAMachineHasATreeAndOthersAreToldWho) {
  auto first = Take("a");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(first->Claim().ok());
  const absl::Status second = Take("b").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_THAT(second.ToString(),
              AllOf(HasSubstr(fmt::format("process {}", getpid())), HasSubstr(Journal("a"))));
  EXPECT_TRUE(Take("b", "sensors").ok()) << "others of its controls";
  EXPECT_TRUE(Take("b", "clocks", "sys2").ok()) << "another tree";
  first = absl::CancelledError();
  EXPECT_TRUE(Take("b")->Claim().ok());
}

TEST_F(TreeLockTest, ATreeIsTheSameByWhateverName) {
  fs::create_directory_symlink(folder_.File("sys"), folder_.File("link"));
  const auto first = Take("a");
  EXPECT_FALSE(Take("b", "clocks", "link").ok());
}

TEST_F(TreeLockTest, WhatADeadOneHasLeftIsPutBackBeforeAnotherClaimsTheTree) {
  ASSERT_TRUE(Take("a")->Claim().ok());
  std::ofstream(Journal("a")) << "as after kill -9";
  const absl::Status refused = Take("b")->Claim();
  EXPECT_THAT(refused.ToString(), AllOf(HasSubstr(Journal("a")), HasSubstr("synergyd --restore")));
  EXPECT_TRUE(Take("a")->Claim().ok()) << "its own";
  boot_ = "the next";
  EXPECT_TRUE(Take("b")->Claim().ok()) << "a restart has put it back";
  boot_ = "this";
  ASSERT_TRUE(Take("a")->Claim().ok());
  fs::remove(Journal("a"));
  EXPECT_TRUE(Take("b")->Claim().ok()) << "it was put back";
}

TEST_F(TreeLockTest, AFolderThatOthersMayWriteIsRefused) {
  fs::create_directory(folder_.File("locks"));
  fs::permissions(folder_.File("locks"), fs::perms(0777));
  EXPECT_TRUE(absl::IsFailedPrecondition(Take("a").status()));
}

}  // namespace
}  // namespace synergy
