#include "client/store/store_path.h"

#include <stdlib.h>

#include <filesystem>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

TEST(StorePath, IsTheFileThatWasNamed) { EXPECT_EQ(*StorePath("x.db", true), "x.db"); }

TEST(StorePath, IsUnderXdgDataHomeAndItsFolderIsMade) {
  const TempFolder folder;
  setenv("XDG_DATA_HOME", folder.File("data").c_str(), 1);
  EXPECT_EQ(*StorePath("", false), folder.File("data/synergy/synergy.db"));
  EXPECT_FALSE(std::filesystem::exists(folder.File("data")));
  EXPECT_EQ(*StorePath("", true), folder.File("data/synergy/synergy.db"));
  EXPECT_TRUE(std::filesystem::is_directory(folder.File("data/synergy")));
}

TEST(StorePath, FallsBackToHomeWhereXdgDataHomeIsUnsetOrRelative) {
  setenv("HOME", "/home/ada", 1);
  unsetenv("XDG_DATA_HOME");
  EXPECT_EQ(*StorePath("", false), "/home/ada/.local/share/synergy/synergy.db");
  setenv("XDG_DATA_HOME", "relative", 1);
  EXPECT_EQ(*StorePath("", false), "/home/ada/.local/share/synergy/synergy.db");
}

TEST(StorePath, WithoutAHomeAsksForAFile) {
  unsetenv("XDG_DATA_HOME");
  unsetenv("HOME");
  EXPECT_TRUE(absl::IsFailedPrecondition(StorePath("", false).status()));
}

TEST(StorePath, AFolderThatCannotBeMadeIsNamed) {
  setenv("XDG_DATA_HOME", "/dev/null/data", 1);
  const auto path = StorePath("", true);
  EXPECT_TRUE(absl::IsFailedPrecondition(path.status()));
  EXPECT_NE(path.status().ToString().find("/dev/null/data/synergy"), std::string::npos);
}

}  // namespace
}  // namespace synergy
