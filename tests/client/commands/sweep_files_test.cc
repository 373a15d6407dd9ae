#include "client/commands/sweep_files.h"

#include <filesystem>

#include "client/commands/exit_code.h"
#include "common/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class SweepFilesTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(ReplaceFile(folder_.File(name), text, Sync::kNo).ok());
    return folder_.File(name);
  }
  TempFolder folder_;
};

TEST_F(SweepFilesTest, AFileThatChangedIsNamed) {
  const std::string net = Write("net.onnx", "a"), init = Write("init.pb", "b");
  StoredSweep sweep;
  sweep.sweep = 3;
  sweep.name = "nightly";
  sweep.files = *HashFiles({net, init});
  EXPECT_TRUE(CheckUnchanged(sweep, *HashFiles({net, init})).ok());
  EXPECT_TRUE(CheckUnchanged(sweep, *HashFiles({init})).ok()) << "of one point";
  Write("init.pb", "c");
  const absl::Status changed = CheckUnchanged(sweep, *HashFiles({net, init}));
  EXPECT_EQ(ExitCodeOf(changed), ExitCode::kUsage);
  EXPECT_THAT(changed.ToString(),
              AllOf(HasSubstr("init.pb: it has changed since sweep 3 (nightly)"),
                    HasSubstr("submit --restart")));
  Write("init.pb", "b");
  EXPECT_TRUE(CheckUnchanged(sweep, *HashFiles({net, init})).ok());
}

// Weights that a model names only now.
TEST_F(SweepFilesTest, AFileThatWasNotReadWhenItWasPlannedIsAChange) {
  const std::string net = Write("net.onnx", "a"), more = Write("more.bin", "b");
  StoredSweep sweep;
  sweep.files = *HashFiles({net});
  EXPECT_THAT(CheckUnchanged(sweep, *HashFiles({net, more})).ToString(), HasSubstr("more.bin"));
}

TEST_F(SweepFilesTest, AFileIsTheSameWhereverSynergyctlRuns) {
  std::filesystem::create_directory(folder_.File("there"));
  const std::string net = Write("net.onnx", "a");
  EXPECT_EQ(*HashFiles({net}), *HashFiles({folder_.File("there/../net.onnx")}));
}

TEST_F(SweepFilesTest, AFileThatIsGoneIsBadInput) {
  EXPECT_EQ(ExitCodeOf(HashFiles({folder_.File("none")}).status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace synergy
