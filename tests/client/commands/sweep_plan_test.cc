#include "client/commands/sweep_plan.h"

#include <filesystem>
#include <set>

#include "client/commands/exit_code.h"
#include "common/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SweepPlanTest : public testing::Test {
 protected:
  absl::StatusOr<SweepPlan> Read(const std::string& keys) {
    const std::string path = folder_.File("job.toml");
    EXPECT_TRUE(ReplaceFile(path, "schema = 1\nname = \"n\"\n" + keys, Sync::kNo).ok());
    return ReadSweepPlan(path);
  }
  TempFolder folder_;
};

std::set<std::string> OptionsOf(void (*add)(CLI::App&, ChosenCommand*), const char* command) {
  CLI::App app;
  ChosenCommand chosen;
  add(app, &chosen);
  std::set<std::string> options;
  for (const CLI::Option* option : app.get_subcommand(command)->get_options()) {
    if (!option->get_lnames().empty()) options.insert(option->get_lnames()[0]);
  }
  return options;
}

// docs/jobs.md has the list of those that are none.
TEST_F(SweepPlanTest, EveryOptionOfRunIsAKeyOrOneOfSubmits) {
  std::set<std::string> options = OptionsOf(AddRunCommand, "run"), keys;
  const std::set<std::string> of_submit = OptionsOf(AddSubmitCommand, "submit");
  for (const char* other : {"help", "host", "store", "detach", "json"}) {
    EXPECT_EQ(options.erase(other), 1u) << other;
    EXPECT_TRUE(of_submit.contains(other)) << other;
  }
  for (const JobKey& key : JobFileKeys()) keys.insert(key.name);
  EXPECT_EQ(keys, options);
}

TEST_F(SweepPlanTest, HasHowAllJobsAreJudgedAndWhatIsKeptBesideThem) {
  const auto plan = Read(
      "net = \"squeezenet\"\nmethod = \"integrate\"\nlimit = \"overlap=2%\"\n"
      "require-valid = true\nsort = \"energy\"\nwatch = true\noutputs = \"out/scores.npy\"\n"
      "meter = \"exec:my meter\"\nrepetitions = 2\n");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->result.method, "integrate");
  EXPECT_EQ(plan->result.limits.overlap, 0.02);
  EXPECT_TRUE(plan->result.require_valid);
  EXPECT_EQ(plan->result.sort, "energy");
  EXPECT_TRUE(plan->result.watch);
  EXPECT_EQ(plan->result.meter, "exec:my meter");
  EXPECT_EQ(plan->OutputsOf(1), folder_.File("out/scores.2.npy"));
  EXPECT_EQ(Read("net = \"squeezenet\"\noutputs = \"scores.npy\"\n")->OutputsOf(0),
            folder_.File("scores.npy"));
}

TEST_F(SweepPlanTest, WhatRunRefusesOfThemIsRefused) {
  for (const char* wrong : {"method = \"guess\"", "limit = \"overlap=much\"", "sort = \"name\"",
                            "meter = \"my meter\"", "sort = [\"time\", \"energy\"]"}) {
    const auto plan = Read(std::string("net = \"squeezenet\"\n") + wrong + "\n");
    EXPECT_EQ(ExitCodeOf(plan.status()), ExitCode::kUsage) << wrong;
    EXPECT_THAT(plan.status().ToString(), HasSubstr("job.toml: ")) << wrong;
  }
}

// What is judged or shown otherwise is the same plan.
TEST_F(SweepPlanTest, WhatIsKeptBesideTheRecordsIsOfThePlan) {
  const auto digest = [&](const std::string& key) {
    return Read("net = \"squeezenet\"\n" + key)->digest;
  };
  EXPECT_EQ(digest(""), digest("sort = \"time\"\nrequire-valid = true\n"));
  EXPECT_NE(digest(""), digest("outputs = \"/tmp/a.npy\"\n"));
  EXPECT_NE(digest(""), digest("meter = \"exec:true\"\n"));
}

TEST_F(SweepPlanTest, HasTheOptionsThatRunWouldHaveParsed) {
  const auto plan = Read(
      "net = \"squeezenet\"\nthreads = [1, 4]\nprecision = \"2%\"\nmax-time = \"5min\"\n"
      "cool-below = \"45C\"\npriority = -3\n[[clocks]]\ncpu-freq = \"1224MHz\"\n");
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->jobs.size(), 2u);
  const JobOptions& job = plan->jobs[1].job;
  EXPECT_EQ(plan->jobs[1].model.net, "squeezenet");
  EXPECT_EQ(job.threads, 4u);
  EXPECT_EQ(job.precision, 0.02);
  EXPECT_EQ(job.max_time_s, 300);
  EXPECT_EQ(job.cool_below_c, 45);
  EXPECT_EQ(job.priority, -3);
  EXPECT_EQ(job.iterations, 50u) << "what is left out is as of run";
  EXPECT_TRUE(job.clocks.has_cpu());
}

TEST_F(SweepPlanTest, AValueThatRunRefusesIsRefusedWithItsPoint) {
  const auto plan = Read("net = \"squeezenet\"\nthreads = [1, 0]\n");
  EXPECT_EQ(ExitCodeOf(plan.status()), ExitCode::kUsage);
  EXPECT_THAT(plan.status().ToString(), HasSubstr("squeezenet threads=0: "));
  EXPECT_THAT(plan.status().ToString(), HasSubstr("--threads"));
}

TEST_F(SweepPlanTest, PathsAreRelativeToTheFilesFolder) {
  const auto plan = Read(
      "net = \"nets/model.pb\"\ninit = \"init.pb\"\ninput = [\"data=cat.png\", \"/tmp/m.npy\"]\n");
  ASSERT_TRUE(plan.ok()) << plan.status();
  const ModelOptions& model = plan->jobs[0].model;
  EXPECT_EQ(model.net, folder_.File("nets/model.pb"));
  EXPECT_EQ(model.init, folder_.File("init.pb"));
  EXPECT_THAT(model.inputs, ElementsAre("data=" + folder_.File("cat.png"), "/tmp/m.npy"));
  EXPECT_EQ(plan->file.jobs[0].label(), "nets/model.pb") << "as it is written";
}

TEST_F(SweepPlanTest, ANameOfTheZooIsNoPath) {
  ASSERT_TRUE(ReplaceFile(folder_.File("squeezenet"), "a file", Sync::kNo).ok());
  ASSERT_TRUE(ReplaceFile(folder_.File("ours"), "a file", Sync::kNo).ok());
  EXPECT_EQ(Read("net = \"squeezenet\"\n")->jobs[0].model.net, "squeezenet");
  EXPECT_EQ(Read("net = \"ours\"\n")->jobs[0].model.net, folder_.File("ours"));
  const auto neither = Read("net = [\"squeezenet\", \"squeezenot\"]\n");
  EXPECT_EQ(ExitCodeOf(neither.status()), ExitCode::kUsage);
  EXPECT_THAT(neither.status().ToString(), HasSubstr("did you mean 'squeezenet'?"));
}

TEST_F(SweepPlanTest, TheSameWordsInTwoFoldersAreTwoPlansWhereTheyNameFiles) {
  const auto digest = [&](const std::string& folder, const std::string& net) {
    std::filesystem::create_directory(folder_.File(folder));
    const std::string path = folder_.File(folder + "/job.toml");
    EXPECT_TRUE(
        ReplaceFile(path, "schema = 1\nname = \"n\"\nnet = \"" + net + "\"\n", Sync::kNo).ok());
    return ReadSweepPlan(path)->digest;
  };
  EXPECT_NE(digest("a", "model.onnx"), digest("b", "model.onnx"));
  EXPECT_EQ(digest("a", "model.onnx"), digest("b/../a", "model.onnx"));
  EXPECT_EQ(digest("a", "squeezenet"), digest("b", "squeezenet"));
  EXPECT_EQ(digest("a", "/models/m.onnx"), digest("b", "/models/m.onnx"));
}

TEST_F(SweepPlanTest, ALimitThatIsNoShareIsRefusedAlsoWhereNothingIsGated) {
  EXPECT_EQ(Read("net = \"squeezenet\"\n[gate]\nmax-increase = \"2%\"\n")->max_increase, 0.02);
  EXPECT_EQ(Read("net = \"squeezenet\"\n[gate]\nmax-increase = \"150%\"\n")->max_increase, 1.5);
  const auto plan = Read("net = \"squeezenet\"\n[gate]\nmax-increase = \"much\"\n");
  EXPECT_EQ(ExitCodeOf(plan.status()), ExitCode::kUsage);
  EXPECT_THAT(plan.status().ToString(), HasSubstr("job.toml: [gate] max-increase: 'much'"));
}

TEST_F(SweepPlanTest, AFileThatIsNotThereIsBadInput) {
  EXPECT_EQ(ExitCodeOf(ReadSweepPlan(folder_.File("none.toml")).status()), ExitCode::kUsage);
}

}  // namespace
}  // namespace synergy
