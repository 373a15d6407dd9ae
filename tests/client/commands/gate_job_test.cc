#include "client/commands/gate_job.h"

#include <filesystem>
#include <fstream>

#include "client/commands/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class GateJobFile : public testing::Test {
 protected:
  std::string File(const std::string& content) {
    std::ofstream(folder_.File("job.toml")) << content;
    return folder_.File("job.toml");
  }
  void ExpectUsage(const std::string& content, const std::string& text) {
    const absl::Status status = ReadGateJob(File(content)).status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << status;
    EXPECT_THAT(status.ToString(), AllOf(HasSubstr("job.toml: "), HasSubstr(text)));
  }

  TempFolder folder_;
};

TEST_F(GateJobFile, KeysAreTheOptionsOfRun) {
  const auto job = ReadGateJob(File(R"(
net = "squeezenet"   # a comment
engine = "caffe2-eigen"
iterations = 70
batch = 2
idle = 0.5
cool-below = "45C"
cpu-freq = "max"
precision = "2%"
precision-rail = ["VDD_IN", "VDD_CPU"]
)"));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->model.net, "squeezenet");
  EXPECT_EQ(job->model.batch, 2u);
  EXPECT_EQ(job->job.engine, "caffe2-eigen");
  EXPECT_EQ(job->job.iterations, 70u);
  EXPECT_EQ(job->job.idle_s, 0.5);
  EXPECT_EQ(job->job.cool_below_c, 45);
  EXPECT_TRUE(job->job.clocks.has_cpu());
  EXPECT_EQ(job->job.precision, 0.02);
  EXPECT_THAT(job->job.precision_rails, ElementsAre("VDD_IN", "VDD_CPU"));
  EXPECT_EQ(job->job.warmup, JobOptions().warmup) << "as run has it without the option";
}

TEST_F(GateJobFile, PathsAreRelativeToIt) {
  const std::string path = File(R"(net = "model.onnx"
input = ["data=cat.png", "/tmp/mask.npy"])");
  const auto job = ReadGateJob(path);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->model.net, folder_.File("model.onnx"));
  EXPECT_THAT(job->model.inputs, ElementsAre("data=" + folder_.File("cat.png"), "/tmp/mask.npy"));
}

TEST_F(GateJobFile, SaysWhatIsWrongWithAKey) {
  ExpectUsage("net = \"squeezenet\"\niteration = 5", "line 2: there is no key 'iteration'");
  ExpectUsage("net = \"squeezenet\"\niteration = 5", "did you mean 'iterations'?");
  ExpectUsage("net = \"squeezenet\"\niterations = 0", "--iterations");
  ExpectUsage("net = \"squeezenet\"\nidle = true", "'idle' is a text or a number");
  ExpectUsage("iterations = 5", "--net");
  ExpectUsage("net = ", "line 1");
  ExpectUsage("host = \"tx1.local\"", "there is no key 'host'");
  EXPECT_EQ(ExitCodeOf(ReadGateJob("/nowhere/job.toml").status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace synergy
