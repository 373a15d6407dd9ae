#include "client/commands/export_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "client/commands/exit_code.h"
#include "tests/client/sample_run.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Writes "begin", a '.' for each chunk, and "end" into each of its files.
class Dots : public ExportWriter {
 public:
  explicit Dots(std::vector<std::string> files = {}) : files_(std::move(files)) {}

  std::vector<std::string> files() const override { return files_; }
  absl::Status Scan(const v1::Chunk&) override {
    ++scanned_;
    return absl::OkStatus();
  }
  void Begin(Texts& out) override { Add("begin", out); }
  absl::Status Write(const v1::Chunk&, Texts& out) override {
    if (stop_ != nullptr) stop_->request_stop();
    Add(more_ + ".", out);
    return absl::OkStatus();
  }
  void End(Texts& out) override { Add("end", out); }

  std::string more_ = {};
  std::stop_source* stop_ = nullptr;
  int scanned_ = 0;

 private:
  static void Add(const std::string& text, Texts& out) {
    for (std::string& one : out) one += text;
  }
  const std::vector<std::string> files_;
};

class ExportRunTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::Open(folder_.File("store.db"), StoreAccess::kWrite);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto number = (*store)->PutRun(SampleBoard(), SampleStatus());
    ASSERT_TRUE(number.ok());
    ASSERT_TRUE((*store)->AppendChunks(*number, SampleChunks()).ok());
    run_.run = *(*store)->Run(*number);
    run_.store = *std::move(store);
    std::filesystem::create_directory(folder_.File("out"));
  }
  std::string Out(const std::string& name) const { return folder_.File("out/" + name); }
  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(Out(name)) << text;
  }
  // "name: text" of all that is in the folder.
  std::vector<std::string> OutFiles() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.File("out"))) {
      std::ifstream file(entry.path());
      files.push_back(entry.path().filename().string() + ": " +
                      std::string(std::istreambuf_iterator<char>(file), {}));
    }
    std::ranges::sort(files);
    return files;
  }
  absl::Status Export(ExportWriter& writer, const ExportPlace& place, std::stop_token stop = {}) {
    return ExportRun(run_, writer, place, std::move(stop));
  }

  TempFolder folder_;
  OpenedRun run_;
};

TEST_F(ExportRunTest, AFileIsReplacedByTheWholeRun) {
  Put("x", "before");
  Dots writer;
  EXPECT_TRUE(Export(writer, {.path = Out("x")}).ok());
  EXPECT_THAT(OutFiles(), ElementsAre("x: begin.....end"));
  EXPECT_EQ(writer.scanned_, 5);
}

TEST_F(ExportRunTest, AFullDiskLeavesWhatWasThere) {
  Put("x", "before");
  Dots writer;
  writer.more_.assign(3u << 20, 'x');
  absl::Status written;
  {
    const FileSizeLimit limit(4u << 20);
    written = Export(writer, {.path = Out("x")});
  }
  EXPECT_EQ(ExitCodeOf(written), ExitCode::kFailedCheck) << written;
  EXPECT_THAT(written.ToString(), HasSubstr("no space left"));
  EXPECT_THAT(OutFiles(), ElementsAre("x: before"));
}

TEST_F(ExportRunTest, AFullDiskLeavesNoFileOfAFolder) {
  Put("a", "before");
  Dots writer({"a", "b"});
  writer.more_.assign(3u << 20, 'x');
  {
    const FileSizeLimit limit(4u << 20);
    EXPECT_FALSE(Export(writer, {.path = folder_.File("out"), .is_folder = true}).ok());
  }
  EXPECT_THAT(OutFiles(), ElementsAre("a: before"));
}

TEST_F(ExportRunTest, AStopLeavesWhatWasThere) {
  Put("x", "before");
  std::stop_source stop;
  Dots writer;
  writer.stop_ = &stop;
  const absl::Status stopped = Export(writer, {.path = Out("x")}, stop.get_token());
  EXPECT_EQ(ExitCodeOf(stopped), ExitCode::kInterrupted) << stopped;
  EXPECT_THAT(OutFiles(), ElementsAre("x: before"));
}

TEST_F(ExportRunTest, AFolderIsMadeAndHasAllFiles) {
  Dots writer({"a", "b"});
  EXPECT_TRUE(Export(writer, {.path = Out(""), .is_folder = true}).ok());
  EXPECT_THAT(OutFiles(), ElementsAre("a: begin.....end", "b: begin.....end"));
  EXPECT_TRUE(Export(writer, {.path = folder_.File("new"), .is_folder = true}).ok());
  EXPECT_TRUE(std::filesystem::exists(folder_.File("new/b")));
}

TEST_F(ExportRunTest, AFolderThatHasAFileOfTheFormatNeedsForce) {
  Put("b", "mine");
  const std::string folder = folder_.File("out");
  const absl::Status refused = CheckExportFolder(folder, {"a", "b"}, /*replace=*/false);
  EXPECT_EQ(ExitCodeOf(refused), ExitCode::kUsage);
  EXPECT_THAT(refused.ToString(), HasSubstr("out/b: it is there already; nothing was written"));
  EXPECT_TRUE(CheckExportFolder(folder, {"a", "b"}, /*replace=*/true).ok());
  EXPECT_TRUE(CheckExportFolder(folder, {"a"}, /*replace=*/false).ok());
  EXPECT_FALSE(CheckExportFolder(Out("b"), {"a"}, /*replace=*/true).ok());
  EXPECT_FALSE(CheckExportFolder(folder_.File("no/where"), {"a"}, /*replace=*/false).ok());
}

}  // namespace
}  // namespace synergy
