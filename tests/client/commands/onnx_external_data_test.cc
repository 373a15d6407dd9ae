#include "client/commands/onnx_external_data.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace synergy {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

// A folder "model" with weights, beside it a secret.
class OnnxExternalDataTest : public ::testing::TestWithParam<BeneathWalk> {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "synergy_external_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    fs::create_directories(root_ / "model" / "parts");
    Write(root_ / "secret", "secret");
    Write(root_ / "model" / "weights.bin", "0123456789");
    Write(root_ / "model" / "parts" / "more.bin", "abc");
    folder_ = open((root_ / "model").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(folder_, 0);
  }
  void TearDown() override {
    close(folder_);
    fs::remove_all(root_);
  }

  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  absl::Status Open(const std::string& location) const {
    return OpenRegularBeneath(folder_, location, GetParam()).status();
  }
  void ExpectRefused(const std::string& location) const {
    const absl::Status status = Open(location);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << location << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("only regular files")) << location;
  }

  fs::path root_;
  int folder_ = -1;
};

TEST_P(OnnxExternalDataTest, OpensFilesOfTheFolderAndOfFoldersInIt) {
  for (const char* location :
       {"weights.bin", "./weights.bin", "parts/more.bin", "parts//more.bin", "parts/./more.bin"}) {
    EXPECT_TRUE(Open(location).ok()) << Open(location);
  }
}

TEST_P(OnnxExternalDataTest, RefusesPathsThatLeadOut) {
  for (const std::string& location :
       {std::string("../secret"), std::string("parts/../../secret"), std::string("parts/.."),
        std::string(".."), (root_ / "secret").string(), std::string("/etc/passwd"),
        std::string("//etc/passwd"), std::string("parts/../weights.bin"), std::string(""),
        std::string("."), std::string("/"), std::string("weights.bin\0x", 13)}) {
    ExpectRefused(location);
  }
}

TEST_P(OnnxExternalDataTest, RefusesSymbolicLinksAnywhereOnTheWay) {
  fs::create_symlink("../secret", root_ / "model" / "link");
  fs::create_symlink("weights.bin", root_ / "model" / "link_inside");
  fs::create_directory_symlink("..", root_ / "model" / "up");
  fs::create_directory_symlink("parts", root_ / "model" / "parts_link");
  fs::create_symlink("loop", root_ / "model" / "loop");
  for (const char* location : {"link", "link_inside", "up/secret", "parts_link/more.bin", "loop",
                               "up/model/weights.bin"}) {
    ExpectRefused(location);
  }
}

TEST_P(OnnxExternalDataTest, RefusesWhatIsNoRegularFileWithoutWaiting) {
  ASSERT_EQ(mkfifo((root_ / "model" / "pipe").c_str(), 0600), 0);
  ExpectRefused("pipe");  // opening a pipe without a writer would wait for one
  ExpectRefused("parts");
  ExpectRefused("weights.bin/more");
}

TEST_P(OnnxExternalDataTest, MissingFilesAreNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Open("absent.bin"))) << Open("absent.bin");
  EXPECT_TRUE(absl::IsNotFound(Open("absent/more.bin")));
}

INSTANTIATE_TEST_SUITE_P(BothWalks, OnnxExternalDataTest,
                         ::testing::Values(BeneathWalk::kKernelFirst, BeneathWalk::kByName),
                         [](const auto& walk) {
                           return walk.param == BeneathWalk::kByName ? "ByName" : "ByKernel";
                         });

class OnnxExternalDataReader : public OnnxExternalDataTest {};
INSTANTIATE_TEST_SUITE_P(Once, OnnxExternalDataReader,
                         ::testing::Values(BeneathWalk::kKernelFirst));

TEST_P(OnnxExternalDataReader, ReadsThePartThatIsAskedFor) {
  auto read = OnnxExternalData((root_ / "model" / "net.onnx").string());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(**(*read)({"weights.bin", 2, 5}), "23456");
  EXPECT_EQ(**(*read)({"weights.bin", 10, 0}), "");
  EXPECT_EQ(**(*read)({"parts/more.bin", 0, 3}), "abc");
}

TEST_P(OnnxExternalDataReader, RefusesPartsOutsideTheFile) {
  auto read = OnnxExternalData((root_ / "model" / "net.onnx").string());
  ASSERT_TRUE(read.ok());
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
  EXPECT_THAT(std::string((*read)({"weights.bin", 6, 5}).status().message()),
              HasSubstr("it has 10 bytes, but the model reads 5 from byte 6 on"));
  for (const auto& [offset, length] : {std::pair<uint64_t, uint64_t>{11, 0},
                                       {kHuge, 1},
                                       {0, kHuge},
                                       {kHuge, kHuge},
                                       {5, kHuge - 4}}) {
    EXPECT_TRUE(absl::IsInvalidArgument((*read)({"weights.bin", offset, length}).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument((*read)({"../secret", 0, 6}).status()));
}

TEST_P(OnnxExternalDataReader, ReadsAFileWithTheSha1ThatTheModelGivesAndNoOther) {
  auto read = OnnxExternalData((root_ / "model" / "net.onnx").string());
  ASSERT_TRUE(read.ok()) << read.status();
  const std::string sha1 = "87acec17cd9dcd20a716cc2cf67417b71c8a7016";  // sha1sum of 0123456789
  EXPECT_EQ(**(*read)({"weights.bin", 2, 5, sha1}), "23456");
  EXPECT_EQ(**(*read)({"weights.bin", 0, 1, sha1}), "0");
  Write(root_ / "model" / "weights.bin", "0123x56789");
  const absl::Status changed = (*read)({"weights.bin", 0, 1, sha1}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(changed)) << changed;
  EXPECT_THAT(std::string(changed.message()),
              AllOf(HasSubstr("'weights.bin'"), HasSubstr("but the model says " + sha1)));
  EXPECT_TRUE((*read)({"weights.bin", 0, 1}).ok()) << "where the model gives none, none is needed";
}

TEST_P(OnnxExternalDataReader, NamesAFolderThatIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(OnnxExternalData((root_ / "none" / "net.onnx").string()).status()));
}

}  // namespace
}  // namespace synergy
