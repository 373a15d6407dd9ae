#include "common/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace synergy {
namespace {

class Files : public testing::Test {
 protected:
  Files() {
    std::string name = testing::TempDir() + "files_test_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~Files() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(Files, ReplaceFileLeavesOnlyTheNewContent) {
  const std::string path = folder_ + "/a";
  ASSERT_TRUE(ReplaceFile(path, "old and longer", Sync::kNo).ok());
  ASSERT_TRUE(ReplaceFile(path, "new", Sync::kYes).ok());
  EXPECT_EQ(ReadFile(path, 100).value(), "new");
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(Files, ReplaceFileThatFailsLeavesTheOldContent) {
  const std::string path = folder_ + "/a";
  ASSERT_TRUE(ReplaceFile(path, "old", Sync::kNo).ok());
  std::filesystem::create_directory(path + ".new");  // cannot be opened as a file
  EXPECT_FALSE(ReplaceFile(path, "new", Sync::kYes).ok());
  EXPECT_EQ(ReadFile(path, 100).value(), "old");
}

TEST_F(Files, ReadFileRefusesWhatIsLongerThanTheLimit) {
  ASSERT_TRUE(ReplaceFile(folder_ + "/a", std::string(10000, 'x'), Sync::kNo).ok());
  EXPECT_EQ(ReadFile(folder_ + "/a", 10000).value().size(), 10000u);
  EXPECT_EQ(ReadFile(folder_ + "/a", 9999).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(Files, AMissingFileIsNotFound) {
  const absl::Status status = ReadFile(folder_ + "/none", 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(), testing::HasSubstr(folder_ + "/none"));
}

TEST_F(Files, AFullDiskIsResourceExhaustedAndSaysSpace) {
  const absl::Status status = FileError("Writing", "/x", ENOSPC);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.ToString(), testing::HasSubstr("no space left"));
}

TEST_F(Files, MakeFolderMakesParentsAndIsContentWithWhatIsThere) {
  const std::string path = folder_ + "/a/b/c";
  ASSERT_TRUE(MakeFolder(path, 0700).ok());
  ASSERT_TRUE(MakeFolder(path + "/", 0700).ok());
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
  ASSERT_TRUE(ReplaceFile(folder_ + "/file", "", Sync::kNo).ok());
  EXPECT_EQ(MakeFolder(folder_ + "/file", 0700).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace synergy
