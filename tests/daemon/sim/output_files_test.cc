#include "daemon/sim/output_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "common/files.h"
#include "tests/support/temp_folder.h"

namespace synergy::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class OutputFilesTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(ReplaceFile(path, text, Sync::kNo).ok());
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("run");
};

TEST_F(OutputFilesTest, BothFilesAppearTogether) {
  v1::RunTruth truth;
  truth.set_run_id("r1");
  {
    absl::StatusOr<OutputFiles> files = OutputFiles::Plan(path_);
    ASSERT_TRUE(files.ok()) << files.status();
    Write(files->partial(), "records");
    EXPECT_THAT(Names(), UnorderedElementsAre("run.partial"));
    EXPECT_TRUE(files->Publish(truth).ok());
  }
  EXPECT_THAT(Names(), UnorderedElementsAre("run", "run.truth"));
  EXPECT_EQ(*ReadFile(path_, 100), "records");
  v1::RunTruth read;
  ASSERT_TRUE(read.ParseFromString(*ReadFile(path_ + ".truth", 100)));
  EXPECT_EQ(read.run_id(), "r1");
}

TEST_F(OutputFilesTest, ARunThatFailsLeavesNothing) {
  std::optional<OutputFiles> files(*OutputFiles::Plan(path_));
  Write(files->partial(), "half of the records");
  files.reset();
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(OutputFilesTest, NoRunIsLostToAnother) {
  for (const char* name : {"run", "run.truth"}) {
    Write(folder_.File(name), "older");
    const absl::Status status = OutputFiles::Plan(path_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(status.message()), HasSubstr(folder_.File(name) + " is there already"));
    std::filesystem::remove(folder_.File(name));
  }
}

TEST_F(OutputFilesTest, AFileThatSomebodyElseMadeMeanwhileStays) {
  absl::StatusOr<OutputFiles> files = OutputFiles::Plan(path_);
  Write(files->partial(), "records");
  Write(path_, "somebody else's");
  EXPECT_EQ(files->Publish({}).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(path_, 100), "somebody else's");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".truth"));
}

TEST_F(OutputFilesTest, WhatAKilledProgramLeftIsReplaced) {
  Write(path_ + ".partial", "left");
  EXPECT_TRUE(OutputFiles::Plan(path_).ok());
  EXPECT_THAT(Names(), IsEmpty());
}

}  // namespace
}  // namespace synergy::sim
