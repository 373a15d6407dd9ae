#include "client/jobs/job_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<JobKey> kKeys = {
    {.name = "net"},
    {.name = "batch"},
    {.name = "engine"},
    {.name = "threads"},
    {.name = "iterations"},
    {.name = "input", .kind = JobKey::Kind::kList},
    {.name = "quick", .kind = JobKey::Kind::kFlag},
    {.name = "cpu-freq", .of_clocks = true},
    {.name = "governor", .of_clocks = true},
    {.name = "sort", .of_file = true},
    {.name = "limit", .kind = JobKey::Kind::kList, .of_file = true},
    {.name = "watch", .kind = JobKey::Kind::kFlag, .of_file = true},
};

absl::StatusOr<JobFile> Parse(const std::string& keys) {
  return ParseJobFile("schema = 1\nname = \"n\"\n" + keys, "job.toml", kKeys);
}
std::vector<std::string> Labels(const JobFile& file) {
  std::vector<std::string> labels;
  for (const PlannedJob& job : file.jobs) {
    labels.push_back(fmt::format("{} {}", job.label(), job.repetition));
  }
  return labels;
}

TEST(JobFile, ASingleJobHasTheArgumentsThatRunWouldHave) {
  const auto file = Parse("net = \"a\"\niterations = 50\nquick = true\ninput = [\"x\", \"y\"]\n");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->jobs.size(), 1u);
  EXPECT_THAT(file->jobs[0].arguments,
              ElementsAre("--net=a", "--iterations=50", "--input=x", "--input=y", "--quick"));
  EXPECT_EQ(file->jobs[0].label(), "a");
}

TEST(JobFile, WhatHoldsForAllJobsIsNoAxisAndInNoJob) {
  const auto plain = Parse("net = \"a\"\nthreads = [1, 2]\n");
  const auto file = Parse(
      "net = \"a\"\nthreads = [1, 2]\nsort = \"time\"\nlimit = [\"a=1\", \"b=2\"]\nwatch = true\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->arguments, ElementsAre("--sort=time", "--limit=a=1", "--limit=b=2", "--watch"));
  EXPECT_EQ(file->points, 2u);
  EXPECT_EQ(file->jobs[0].arguments, plain->jobs[0].arguments);
  EXPECT_EQ(file->Digest(), plain->Digest());
  EXPECT_THAT(Parse("net = \"a\"\nsort = [\"time\"]\n").status().ToString(),
              HasSubstr("job.toml: line 4: \"sort\" must be one value"));
}

TEST(JobFile, NoPointIsThereTwice) {
  for (const char* twice : {"net = \"a\"\nthreads = [1, 2, 1]\n", "net = [\"1\", \"1\"]\n",
                            "net = \"a\"\n[[clocks]]\ncpu-freq = 1\n[[clocks]]\ncpu-freq = 1\n"}) {
    EXPECT_THAT(Parse(twice).status().ToString(), HasSubstr("1' twice")) << twice;
  }
}

TEST(JobFile, ListsAreTheAxesOfAMatrixAndNetworksVarySlowest) {
  const auto file = Parse("threads = [1, 2]\nnet = [\"a\", \"b\"]\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(Labels(*file),
              ElementsAre("a threads=1 0", "a threads=2 0", "b threads=1 0", "b threads=2 0"));
}

TEST(JobFile, RepetitionsAreInterleavedUnlessTheyAreAskedForInBlocks) {
  const std::string keys = "net = [\"a\", \"b\"]\nrepetitions = 2\n";
  EXPECT_THAT(Labels(*Parse(keys)), ElementsAre("a 0", "b 0", "a 1", "b 1"));
  EXPECT_THAT(Labels(*Parse(keys + "order = \"blocked\"\n")),
              ElementsAre("a 0", "a 1", "b 0", "b 1"));
}

TEST(JobFile, ClocksAreAnAxisOfTables) {
  const auto file =
      Parse("net = \"a\"\n[[clocks]]\ncpu-freq = \"1GHz\"\n[[clocks]]\ngovernor = \"powersave\"\n");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->jobs.size(), 2u);
  EXPECT_THAT(file->jobs[0].arguments, ElementsAre("--net=a", "--cpu-freq=1GHz"));
  EXPECT_THAT(file->jobs[1].arguments, ElementsAre("--net=a", "--governor=powersave"));
  EXPECT_EQ(file->jobs[1].label(), "a governor=powersave");
}

TEST(JobFile, TheDigestIsThatOfThePlanWhateverTheFileLooksLike) {
  const auto one = Parse("net = [\"a\", \"b\"]\nthreads = 1\n");
  const auto same = Parse("# a comment\nthreads   = 1\nnet = [ \"a\", \"b\", ]\n");
  const auto other = Parse("net = [\"b\", \"a\"]\nthreads = 1\n");
  EXPECT_EQ(one->Digest(), same->Digest());
  EXPECT_NE(one->Digest(), other->Digest());
}

TEST(JobFile, KeepsWhatTheGateIsToDecide) {
  const auto file = Parse(
      "net = \"a\"\n[gate]\nmax-increase = \"2%\"\nalpha = 0.01\nmetric = \"edp\"\nper-op = "
      "true\n");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->gate.has_value());
  EXPECT_EQ(file->gate->max_increase, "2%");
  EXPECT_EQ(file->gate->alpha, 0.01);
  EXPECT_EQ(file->gate->metric, "edp");
  EXPECT_EQ(file->gate->per_op, true);
  const auto partly = Parse("net = \"a\"\n[gate]\nrail = \"VDD_CPU\"\n");
  EXPECT_EQ(partly->gate->rail, "VDD_CPU");
  EXPECT_FALSE(partly->gate->alpha || partly->gate->per_op);
  EXPECT_FALSE(Parse("net = \"a\"\n")->gate.has_value());
}

TEST(JobFile, TellsRepetitionsThatItWasGivenFromNone) {
  EXPECT_EQ(Parse("net = \"a\"\nrepetitions = 1\n")->repetitions, 1u);
  EXPECT_FALSE(Parse("net = \"a\"\n")->repetitions.has_value());
}

TEST(JobFile, APointIsItsNetworkAndWhatElseSetsItApart) {
  const auto file = Parse("net = [\"a\", \"b\"]\nthreads = [1, 2]\nbatch = 4\n");
  EXPECT_EQ(file->jobs[2].net, "b");
  EXPECT_EQ(file->jobs[2].axes, "threads=1");
  EXPECT_EQ(file->jobs[2].label(), "b threads=1");
}

TEST(JobFile, EveryMistakeIsSaidWithItsLine) {
  const auto error = [](const std::string& keys) { return Parse(keys).status().ToString(); };
  EXPECT_THAT(
      error("net = \"a\"\niteration = 5\n"),
      HasSubstr("job.toml: line 4: \"iteration\" is no key that is known here; did you mean "
                "\"iterations\"?"));
  EXPECT_THAT(error("net = \"a\"\nnet = \"b\"\n"), HasSubstr("line 4"));
  EXPECT_THAT(error("net = []\n"), HasSubstr("line 3: \"net\""));
  EXPECT_THAT(error("batch = 1\n"), HasSubstr("\"net\" is missing"));
  EXPECT_THAT(error("net = \"a\"\nrepetitions = 0\n"), HasSubstr("line 4: \"repetitions\""));
  EXPECT_THAT(error("net = \"a\"\norder = \"random\"\n"), HasSubstr("interleaved or blocked"));
  EXPECT_THAT(error("net = \"a\"\nquick = 3\n"), HasSubstr("line 4: \"quick\" must be true"));
  EXPECT_THAT(error("net = \"a\"\ncpu-freq = \"min\"\n[[clocks]]\ncpu-freq = \"max\"\n"),
              HasSubstr("line 6"));
  EXPECT_THAT(error("net = \"a\"\n[[clocks]]\nthreads = 3\n"), HasSubstr("line 5"));
  for (const auto& [gate, said] : {std::pair("alpha = 0.5", "below 0.5"),
                                   {"alpha = nan", "below 0.5"},
                                   {"max-increase = 2", "must be a text"},
                                   {"metric = \"power\"", "energy, time or edp"},
                                   {"metric = \"time\"\nrail = \"VDD_IN\"", "has no meaning"},
                                   {"limit = 3", "no key"}}) {
    EXPECT_THAT(error(fmt::format("net = \"a\"\n[gate]\n{}\n", gate)), HasSubstr(said));
  }
}

TEST(JobFile, AMatrixOfMoreJobsThanAnyoneWaitsForIsRefused) {
  std::string list = "[";
  for (int i = 1; i <= 400; ++i) list += fmt::format("{}, ", i);
  list += "]";
  EXPECT_THAT(
      Parse("net = \"a\"\nbatch = " + list + "\nthreads = " + list + "\n").status().ToString(),
      HasSubstr("100000 jobs"));
}

}  // namespace
}  // namespace synergy
