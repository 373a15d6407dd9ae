#include "client/commands/trace_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "client/commands/exit_code.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

class TraceFileTest : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = folder_.File("samples.csv");
    std::ofstream(path) << text;
    return path;
  }

  TempFolder folder_;
};

std::string Lines(size_t bytes) {
  std::string text;
  for (size_t i = 0; text.size() < bytes; ++i) text += fmt::format("line {}\n", i);
  return text;
}

TEST_F(TraceFileTest, ComesInBlocksOfWholeLinesAndTheSameAgain) {
  const std::string text = Lines(2 * TraceFile::kBlockBytes + 1000) + "without an end";
  auto file = TraceFile::Open(Write(text));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->name(), "samples.csv");
  std::vector<std::string> blocks;
  uint64_t last = 0;
  const absl::Status scanned = file->Scan([&](std::string_view block, uint64_t done) {
    blocks.emplace_back(block);
    last = done;
    return absl::OkStatus();
  });
  ASSERT_TRUE(scanned.ok()) << scanned;
  EXPECT_EQ(last, text.size());
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0] + blocks[1] + blocks[2], text);
  EXPECT_TRUE(blocks[0].ends_with('\n'));
  EXPECT_TRUE(blocks[1].ends_with('\n'));
  for (size_t i = 0; i < blocks.size(); ++i) EXPECT_EQ(*file->Block(i), blocks[i]);
}

TEST_F(TraceFileTest, TheHashIsThatOfItsBytes) {
  auto file = TraceFile::Open(Write("abc"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Scan([](std::string_view, uint64_t) { return absl::OkStatus(); }).ok());
  EXPECT_TRUE(file->sha256().starts_with("\xba\x78\x16\xbf"));  // FIPS 180-4's example
}

TEST_F(TraceFileTest, ALineLongerThanABlockIsNoTable) {
  auto file = TraceFile::Open(Write(std::string(TraceFile::kBlockBytes + 1, 'x')));
  ASSERT_TRUE(file.ok());
  const absl::Status scanned =
      file->Scan([](std::string_view, uint64_t) { return absl::OkStatus(); });
  EXPECT_EQ(ExitCodeOf(scanned), ExitCode::kUsage);
  EXPECT_THAT(std::string(scanned.message()), HasSubstr("longer than"));
}

TEST_F(TraceFileTest, AFileThatChangesMeanwhileIsRefused) {
  const std::string path = Write("a\nb\n");
  auto file = TraceFile::Open(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Scan([](std::string_view, uint64_t) { return absl::OkStatus(); }).ok());
  std::ofstream(path, std::ios::app) << "c\n";
  const auto block = file->Block(0);
  EXPECT_EQ(ExitCodeOf(block.status()), ExitCode::kUsage);
  EXPECT_THAT(std::string(block.status().message()), HasSubstr("changed while it was read"));
}

TEST_F(TraceFileTest, WhatIsNoFileWithSomethingInItIsBadInput) {
  EXPECT_EQ(ExitCodeOf(TraceFile::Open(Write("")).status()), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(TraceFile::Open(folder_.path()).status()), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(TraceFile::Open("/dev/null").status()), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(TraceFile::Open(folder_.File("missing")).status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace synergy
