#include "client/commands/gate_files.h"

#include "client/commands/exit_code.h"
#include "common/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class GateFiles : public testing::Test {
 protected:
  SweepPlan File(const std::string& name, const std::string& keys) {
    const std::string path = folder_.File(name + ".toml");
    const std::string text = "schema = 1\nname = \"n\"\n" + keys;
    EXPECT_TRUE(ReplaceFile(path, text, Sync::kNo).ok());
    auto plan = ReadSweepPlan(path);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : SweepPlan();
  }
  SweepPlan Gate(const std::string& name, const std::string& keys) {
    return File(name, "net = \"squeezenet\"\n[gate]\n" + keys);
  }

  TempFolder folder_;
};

void ExpectUsage(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << status;
  EXPECT_THAT(status.ToString(), HasSubstr(text));
}

TEST_F(GateFiles, TooFewPairsToDecideAnythingAreRefused) {
  SettledGate settled;
  settled.rule.alpha = 0.05;
  EXPECT_TRUE(CheckRuns(settled, 1).ok()) << "nobody says how many";
  settled.runs = 2;
  ExpectUsage(CheckRuns(settled, 1), "give --runs 3 or more");
  settled.runs = 3;
  EXPECT_TRUE(CheckRuns(settled, 1).ok());
  ExpectUsage(CheckRuns(settled, 5), "over 5 points: give --runs 4 or more");
}

TEST_F(GateFiles, RequireValidIsOfTheBaselinesFile) {
  const SweepPlan with = File("a", "net = \"squeezenet\"\nrequire-valid = true\n");
  const SweepPlan without = File("b", "net = \"squeezenet\"\n");
  EXPECT_TRUE(SettleGate({.max_increase = 0.1}, {&with, &without})->require_valid);
  EXPECT_FALSE(SettleGate({.max_increase = 0.1}, {&without, &with})->require_valid);
  EXPECT_FALSE(SettleGate({.max_increase = 0.1}, {nullptr, &with})->require_valid);
}

TEST_F(GateFiles, KeysOfGateAreTheDefaultsOfTheOptions) {
  const SweepPlan file = Gate("a",
                              "max-increase = \"3%\"\nalpha = 0.01\nmetric = \"edp\"\n"
                              "rail = \"VDD_CPU\"\nper-op = true\n");
  const auto settled = SettleGate({}, {&file, nullptr});
  ASSERT_TRUE(settled.ok()) << settled.status();
  EXPECT_EQ(settled->rule.max_increase, 0.03);
  EXPECT_EQ(settled->rule.alpha, 0.01);
  EXPECT_EQ(settled->metric, Metric::kEdp);
  EXPECT_EQ(settled->rail, "VDD_CPU");
  EXPECT_TRUE(settled->per_op);
  const auto said = SettleGate({.max_increase = 0.1,
                                .alpha = 0.2,
                                .metric = Metric::kEnergy,
                                .rail = "VDD_IN",
                                .per_op = false},
                               {&file, nullptr});
  EXPECT_EQ(said->rule.max_increase, 0.1);
  EXPECT_EQ(said->rule.alpha, 0.2);
  EXPECT_EQ(said->metric, Metric::kEnergy);
  EXPECT_EQ(said->rail, "VDD_IN");
  EXPECT_FALSE(said->per_op);
}

TEST_F(GateFiles, ALimitIsNeeded) {
  const SweepPlan none = File("a", "net = \"squeezenet\"\n"), no_limit = Gate("b", "alpha = 0.1\n");
  ExpectUsage(SettleGate({}, {}).status(), "--max-increase");
  ExpectUsage(SettleGate({}, {&none, &no_limit}).status(), "--max-increase");
  EXPECT_EQ(SettleGate({.max_increase = 0.02}, {&no_limit, &none})->rule.alpha, 0.1);
}

// A change brings its own job file: it must not bring the rule that lets it through, whatever the
// baseline is.
TEST_F(GateFiles, TheCandidatesGateAndRepetitionsAreNeverUsed) {
  const SweepPlan none = File("a", "net = \"squeezenet\"\n"),
                  strict = Gate("strict", "max-increase = \"2%\"\nalpha = 0.01\n"),
                  lenient = File("b",
                                 "net = \"squeezenet\"\nrepetitions = 1\n[gate]\n"
                                 "max-increase = \"90%\"\nalpha = 0.4\nrail = \"VDD_CPU\"\n"
                                 "metric = \"edp\"\nper-op = true\n");
  for (const SweepPlan* baseline : {static_cast<const SweepPlan*>(nullptr), &none}) {
    ExpectUsage(SettleGate({}, {baseline, &lenient}).status(), "--max-increase");
    const auto settled = SettleGate({.max_increase = 0.02}, {baseline, &lenient});
    ASSERT_TRUE(settled.ok()) << settled.status();
    EXPECT_EQ(settled->rule.alpha, 0.05);
    EXPECT_EQ(settled->rail, "");
    EXPECT_EQ(settled->metric, Metric::kEnergy);
    EXPECT_FALSE(settled->per_op);
    EXPECT_EQ(settled->runs, 0u);
  }
  const auto settled = SettleGate({}, {&strict, &lenient});
  ASSERT_TRUE(settled.ok()) << settled.status();
  EXPECT_EQ(settled->rule.max_increase, 0.02);
  EXPECT_EQ(settled->rule.alpha, 0.01);
}

TEST_F(GateFiles, WhatIsNotUsedIsSaid) {
  const SweepPlan a = Gate("a", "max-increase = \"2%\"\n"),
                  same = Gate("same", "max-increase = \"0.02\"\n"),
                  other = Gate("other", "max-increase = \"4%\"\n"),
                  five = File("five", "net = \"squeezenet\"\nrepetitions = 5\n");
  const auto said = [](const GatePlans& plans) {
    testing::internal::CaptureStderr();
    EXPECT_TRUE(SettleGate({.max_increase = 0.02}, plans).ok());
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(said({&a, &same}), "");
  EXPECT_THAT(said({&a, &other}), HasSubstr("the [gate] of " + other.path));
  EXPECT_THAT(said({nullptr, &other}), HasSubstr("the [gate] of " + other.path));
  EXPECT_THAT(said({&a, &five}), HasSubstr("the repetitions of " + five.path));
  EXPECT_EQ(said({&five, &five}), "");
  EXPECT_EQ(said({&other, nullptr}), "");
}

TEST_F(GateFiles, TheBaselinesRepetitionsAreTheDefaultOfRuns) {
  const SweepPlan none = Gate("none", "max-increase = \"2%\"\n"),
                  four = Gate("four", "max-increase = \"2%\"\n");
  SweepPlan repeated = four;
  repeated.file.repetitions = 4;
  EXPECT_EQ(SettleGate({}, {&none, nullptr})->runs, 0u);
  EXPECT_EQ(SettleGate({}, {&none, &repeated})->runs, 0u);
  EXPECT_EQ(SettleGate({}, {&repeated, &none})->runs, 4u);
  EXPECT_EQ(SettleGate({.runs = 7}, {&repeated, &none})->runs, 7u);
}

TEST_F(GateFiles, TimesAreOfNoRail) {
  const SweepPlan file = Gate("a", "max-increase = \"2%\"\nrail = \"VDD_CPU\"\n");
  ExpectUsage(
      SettleGate({.max_increase = 0.02, .metric = Metric::kTime, .rail = "VDD_IN"}, {}).status(),
      "--rail VDD_IN: times are of no rail");
  EXPECT_EQ(SettleGate({.metric = Metric::kTime}, {&file, nullptr})->rail, "");
}

TEST_F(GateFiles, OneJobMayDifferInAnything) {
  const auto points = PairPoints(File("a", "net = \"squeezenet\"\nthreads = [1]\n"),
                                 File("b", "net = \"alexnet\"\nbatch = 4\n"));
  ASSERT_TRUE(points.ok()) << points.status();
  ASSERT_EQ(points->size(), 1u);
  EXPECT_EQ(points->front().label, "");
  EXPECT_EQ(points->front().candidate.model.batch, 4u);
}

TEST_F(GateFiles, PointsArePairedInTheirOrder) {
  const std::string axes = "threads = [1, 4]\nrepetitions = 3\n";
  const auto points = PairPoints(File("a", "net = [\"squeezenet\", \"./a.onnx\"]\n" + axes),
                                 File("b", "net = [\"squeezenet\", \"./b.onnx\"]\n" + axes));
  ASSERT_TRUE(points.ok()) << points.status();
  ASSERT_EQ(points->size(), 4u);
  EXPECT_EQ(points->at(1).label, "squeezenet threads=4");
  EXPECT_EQ(points->at(2).label, "./b.onnx threads=1");
  EXPECT_THAT(points->at(2).baseline.model.net, HasSubstr("a.onnx"));
  EXPECT_EQ(points->at(3).baseline.job.threads, 4u);
  EXPECT_EQ(points->at(3).candidate.job.threads, 4u);
}

TEST_F(GateFiles, OtherPointsAreRefused) {
  const auto refuse = [&](const std::string& a, const std::string& b, const std::string& text) {
    ExpectUsage(PairPoints(File("a", a), File("b", b)).status(), text);
  };
  const std::string net = "net = \"squeezenet\"\n", two = "net = [\"squeezenet\", \"alexnet\"]\n";
  refuse(net, two, "b.toml has 2");
  refuse(net + "threads = [1, 2]\n", net + "threads = [1, 4]\n",
         "point 2 is 'squeezenet threads=2'");
  refuse(net + "threads = [1, 2]\n", net + "batch = [1, 2]\n", "point 1 is 'squeezenet threads=1'");
  refuse(two, "net = [\"alexnet\", \"squeezenet\"]\n", "in the same order");
}

}  // namespace
}  // namespace synergy
