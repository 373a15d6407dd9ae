#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/progress.h"
#include "client/commands/run_resolution.h"
#include "client/commands/truth_comparison.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sample_run.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

std::vector<StoredRun> Runs() {
  std::vector<StoredRun> runs(3);
  const char* ids[] = {"20240501-aa11", "20240501-aa22", "2-first"};
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].number = static_cast<int64_t>(i) + 1;
    runs[i].run_id = ids[i];
  }
  return runs;
}

TEST(ResolveRun, TakesNumbersIdsUniqueBeginningsAndLast) {
  EXPECT_EQ(ResolveRun(Runs(), "last")->number, 3);
  EXPECT_EQ(ResolveRun(Runs(), "2")->number, 2) << "a number is a number first";
  EXPECT_EQ(ResolveRun(Runs(), "20240501-aa11")->number, 1);
  EXPECT_EQ(ResolveRun(Runs(), "20240501-aa2")->number, 2);
  EXPECT_EQ(ResolveRun(Runs(), "2-")->number, 3);
}

TEST(ResolveRun, TakesTheTagOfOneRun) {
  std::vector<StoredRun> runs = Runs();
  runs[0].tags = {"main", "old"};
  runs[1].tags = {"main"};
  EXPECT_EQ(ResolveRun(runs, "old")->number, 1);
  const absl::Status several = ResolveRun(runs, "main").status();
  EXPECT_TRUE(absl::IsInvalidArgument(several));
  EXPECT_THAT(several.ToString(), HasSubstr("on 2 runs (1, 2)"));
  EXPECT_EQ(RunsWithTag(runs, "main").size(), 2u);
  EXPECT_TRUE(RunsWithTag(runs, "2").empty()) << "a number is no tag";
  runs[2].tags = {"2024"};  // of a store that something else has changed
  EXPECT_EQ(ResolveRun(runs, "20240501-aa11")->number, 1);
}

v1::JobStatus Job(const std::string& id, v1::JobState state) {
  v1::JobStatus job;
  job.set_run_id(id);
  job.set_state(state);
  return job;
}

TEST(ResolveJob, TakesRunsOfThisBoardInTheStoreAndJobsThatTheStoreDoesNotHave) {
  std::vector<StoredRun> stored = Runs();
  for (StoredRun& run : stored) run.board_id = "here";
  stored[0].board_id = "elsewhere";
  const BoardJobs here = {
      .board_id = "here",
      .jobs = {Job("20240501-aa22", v1::JOB_STATE_RUNNING), Job("3foreign", v1::JOB_STATE_QUEUED),
               Job("4foreign", v1::JOB_STATE_DONE)}};
  EXPECT_EQ(ResolveJob(here, stored, "2")->run_id(), "20240501-aa22");
  EXPECT_EQ(ResolveJob(here, stored, "3f")->run_id(), "3foreign");
  EXPECT_EQ(ResolveJob(here, {}, "2024")->run_id(), "20240501-aa22");
  EXPECT_TRUE(absl::IsNotFound(ResolveJob(here, stored, "1").status())) << "of another board";
  EXPECT_TRUE(absl::IsNotFound(ResolveJob({.board_id = "here"}, {}, "last").status()));
  const absl::Status ended = ResolveJob(here, stored, "4foreign").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(ended));
  EXPECT_THAT(ended.ToString(), HasSubstr("DONE"));
  EXPECT_TRUE(absl::IsFailedPrecondition(ResolveJob(here, stored, "3").status()));
}

TEST(ResolveJob, OneThatWasEvictedIsKnown) {
  v1::EvictedRun evicted;
  evicted.set_run_id("5gone");
  evicted.set_chunks(3);
  const BoardJobs here = {.board_id = "here", .evicted = {evicted}};
  const absl::Status gone = ResolveBoardJob(here, {}, "5g").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(gone));
  EXPECT_THAT(gone.ToString(), HasSubstr("run 5gone is no longer on the board: evicted"));
}

TEST(ResolveJob, WhatTheStoreDoesNotHaveHasNoNumber) {
  const BoardJobs here = {.board_id = "here",
                          .jobs = {Job("2a", v1::JOB_STATE_QUEUED), Job("2b", v1::JOB_STATE_DONE)}};
  EXPECT_THAT(ResolveBoardJob(here, {}, "2").status().ToString(), HasSubstr("any of 2a, 2b:"));
  EXPECT_TRUE(absl::IsNotFound(ResolveBoardJob(here, {}, "0").status()));
  const absl::Status unknown = ResolveBoardJob(here, {}, "3").status();
  EXPECT_THAT(unknown.ToString(), HasSubstr("synergyctl jobs lists them"));
}

TEST(ResolveRun, RefusesWhatIsUnknownOrCouldBeSeveral) {
  EXPECT_TRUE(absl::IsNotFound(ResolveRun(Runs(), "99").status()));
  EXPECT_TRUE(absl::IsNotFound(ResolveRun(Runs(), "").status()));
  EXPECT_TRUE(absl::IsNotFound(ResolveRun({}, "last").status()));
  const absl::Status several = ResolveRun(Runs(), "2024").status();
  EXPECT_TRUE(absl::IsInvalidArgument(several));
  EXPECT_THAT(several.ToString(), HasSubstr("20240501-aa11 (1), 20240501-aa22 (2)"));
}

TEST(ExitCode, TheInnermostEndingCounts) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(Ending(ExitCode::kUsage, absl::OkStatus())), ExitCode::kOk);
  const absl::Status usage = Ending(ExitCode::kUsage, absl::NotFoundError("x"));
  EXPECT_EQ(ExitCodeOf(Ending(ExitCode::kPartial, usage)), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("x")), ExitCode::kInterrupted);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), ExitCode::kRefused);
}

TEST(ExitCode, OfTheDeviceTellsUnreachableFromRefused) {
  EXPECT_EQ(ExitCodeOf(FromDevice(absl::UnavailableError("x"))), ExitCode::kNotReached);
  EXPECT_EQ(ExitCodeOf(FromDevice(absl::PermissionDeniedError("x"))), ExitCode::kRefused);
  EXPECT_EQ(ExitCodeOf(FromDevice(absl::FailedPreconditionError("x"))), ExitCode::kRefused);
  EXPECT_EQ(ExitCodeOf(FromDevice(absl::InvalidArgumentError("x"))), ExitCode::kRefused);
}

v1::JobStatus Measuring(uint32_t iteration) {
  v1::JobStatus status = SampleStatus();
  status.mutable_spec()->set_iterations(50);
  status.set_phase(v1::PHASE_MEASURE);
  status.set_iteration(iteration);
  status.set_power_w(6.13);
  return status;
}

TEST(Progress, SaysPhaseIterationPowerAndTimeLeft) {
  EXPECT_EQ(ProgressText(Measuring(12), 8.4), "tiny: measuring 12 of 50, 6.13 W, 8 s left");
  EXPECT_EQ(ProgressText(Measuring(12), 200), "tiny: measuring 12 of 50, 6.13 W, 3 min 20 s left");
  v1::JobStatus status = SampleStatus(v1::JOB_STATE_QUEUED);
  status.set_queue_position(2);
  EXPECT_EQ(ProgressText(status, std::nullopt), "tiny: queued, 2 before it");
  EXPECT_EQ(ProgressText(SampleStatus(v1::JOB_STATE_FAILED), std::nullopt), "tiny: failed");
}

TEST(Progress, ShowsHowTheIntervalShrinks) {
  v1::JobStatus status = Measuring(12);
  status.mutable_spec()->set_precision(0.02);
  EXPECT_EQ(ProgressText(status, std::nullopt),
            "tiny: measuring, iteration 12 of at least 50, 6.13 W");
  status.set_iteration(240);
  status.set_widest_interval(0.0312);
  EXPECT_EQ(ProgressText(status, std::nullopt),
            "tiny: measuring, iteration 240, widest interval 3.1 % of 2 %, 6.13 W");
  EXPECT_EQ(ProgressForms(status, std::nullopt).back(),
            "iteration 240, widest interval 3.1 % of 2 %");
  status.set_phase(v1::PHASE_DECIDING);
  EXPECT_EQ(ProgressText(status, std::nullopt),
            "tiny: finding how precise it is, iteration 240, widest interval 3.1 % of 2 %, 6.13 W");
  status.set_phase(v1::PHASE_LOOP);
  status.mutable_spec()->mutable_loop()->set_op(7);
  EXPECT_EQ(ProgressText(status, std::nullopt), "tiny: repeating operator 7, 6.13 W");
}

TEST(Progress, NobodyKnowsHowLongAPrecisionTakes) {
  TimeLeft left;
  v1::JobStatus status = Measuring(10);
  status.mutable_spec()->set_precision(0.02);
  left.Update(status, MonotonicTime{0});
  status.set_iteration(20);
  EXPECT_FALSE(left.Update(status, MonotonicTime{0} + Seconds(5)).has_value());
}

TEST(Progress, BetweenTheLastIterationAndTheEndItIsFinishing) {
  v1::JobStatus status = SampleStatus();
  status.set_phase(v1::PHASE_IDLE);
  EXPECT_EQ(ProgressText(status, std::nullopt), "tiny: starting");
  EXPECT_EQ(ProgressText(status, std::nullopt, /*begun=*/true), "tiny: finishing");
  FakeClock clock;
  std::string written;
  ProgressLine line(
      false, clock, [&](std::string_view text) { written += text; }, [] { return size_t{0}; });
  line.Update(Measuring(50));
  line.Update(status);
  EXPECT_TRUE(written.ends_with("tiny: finishing\n")) << written;
}

TEST(Progress, NeverGoesBackToStarting) {
  FakeClock clock;
  std::string written;
  ProgressLine line(
      false, clock, [&](std::string_view text) { written += text; }, [] { return size_t{0}; });
  v1::JobStatus status = SampleStatus();
  for (const v1::Phase phase : {v1::PHASE_IDLE, v1::PHASE_SETUP, v1::PHASE_IDLE}) {
    status.set_phase(phase);
    line.Update(status);
  }
  EXPECT_EQ(written, "tiny: starting\ntiny: loading\ntiny: finishing\n");
}

TEST(Progress, TimeLeftFollowsThePace) {
  TimeLeft left;
  const MonotonicTime begin{0};
  EXPECT_FALSE(left.Update(Measuring(10), begin).has_value()) << "no iteration was seen to pass";
  EXPECT_NEAR(*left.Update(Measuring(20), begin + Seconds(5)), 15, 1e-9);
  v1::JobStatus warmup = Measuring(0);
  warmup.mutable_spec()->set_warmup(4);
  warmup.set_phase(v1::PHASE_WARMUP);
  TimeLeft other;
  other.Update(warmup, begin);
  warmup.set_iteration(2);
  EXPECT_NEAR(*other.Update(warmup, begin + Seconds(1)), 26, 1e-9) << "2 of warm-up, 50 measured";
}

TEST(Progress, ATerminalLineIsWrittenOverAndTakenAway) {
  FakeClock clock;
  std::string written;
  {
    ProgressLine line(
        true, clock, [&](std::string_view text) { written += text; }, [] { return size_t{20}; });
    line.Update(Measuring(1));
    line.Update(Measuring(2));
    EXPECT_EQ(written.find('\n'), std::string::npos);
    EXPECT_TRUE(written.ends_with("\x1b[Kmeasuring 2 of 50")) << written;
  }
  EXPECT_TRUE(written.ends_with("\r\x1b[K"));
}

// It was cut off, and lost the time left first.
TEST(Progress, ANarrowTerminalGetsWhatMattersMost) {
  FakeClock clock;
  std::string written;
  size_t columns = 0;
  ProgressLine line(
      true, clock, [&](std::string_view text) { written = text; }, [&] { return columns; });
  line.Update(Measuring(10));
  clock.Advance(Seconds(2));
  for (const auto& [width, text] :
       {std::pair<size_t, std::string>{0, "tiny: measuring 12 of 50, 6.13 W, 38 s left"},
        {44, "tiny: measuring 12 of 50, 6.13 W, 38 s left"},
        {43, "measuring 12 of 50, 6.13 W, 38 s left"},
        {37, "measuring 12 of 50, 38 s left"},
        {29, "12 of 50, 38 s left"},
        {19, "measuring 12 of 50"},
        {18, "12 of 50"},
        {9, "12 of 50"},
        {6, "12 of"}}) {
    columns = width;
    line.Update(Measuring(12));
    EXPECT_EQ(written, "\r\x1b[K" + text) << width << " columns";
  }
}

TEST(Progress, WithoutATerminalLinesAreSparse) {
  FakeClock clock;
  std::vector<std::string> lines;
  ProgressLine line(
      false, clock, [&](std::string_view text) { lines.emplace_back(text); },
      [] { return size_t{0}; });
  for (uint32_t i = 0; i < 100; ++i) {
    line.Update(Measuring(i));
    clock.Advance(Milliseconds(200));
  }
  line.Update(SampleStatus(v1::JOB_STATE_DONE));
  ASSERT_EQ(lines.size(), 3u) << "the phase, one after 10 s, the end";
  EXPECT_EQ(lines.back(), "tiny: done\n");
}

RunReport SampleReport() {
  RunData data;
  for (const v1::Chunk& chunk : SampleChunks()) EXPECT_TRUE(data.Add(chunk).ok());
  return *BuildReport(data, Solve(data));
}

// conv1 truly takes 40 and 60 mJ of VDD_IN, relu1 20 mJ; nothing is known of VDD_CPU.
v1::RunTruth SampleTruth() {
  v1::RunTruth truth;
  truth.set_run_id(kSampleRunId);
  truth.add_rails("VDD_IN");
  const auto add = [&](uint32_t op, double joules) {
    v1::OperatorTruth* execution = truth.add_operators();
    execution->set_op(op);
    execution->add_energy_j(joules);
  };
  add(0, 0.040);
  add(0, 0.060);
  add(1, 0.020);
  add(1, 0.020);
  return truth;
}

TEST(TruthComparison, GivesMeanTruthErrorAndTheirSummary) {
  const RunReport report = SampleReport();
  const TruthComparison comparison = CompareWithTruth(report, SampleTruth());
  EXPECT_NEAR(*comparison.ops[0].truth_j[0], 0.050, 1e-12);
  EXPECT_NEAR(*comparison.ops[0].error[0], 0, 1e-6);
  EXPECT_NEAR(*comparison.ops[1].error[0], 0.25, 1e-6) << "25 mJ instead of 20";
  EXPECT_FALSE(comparison.ops[0].truth_j[1].has_value()) << "absent, not zero";
  EXPECT_NEAR(*comparison.rails[0].mean_error, 0.125, 1e-6);
  EXPECT_NEAR(*comparison.rails[0].worst_error, 0.25, 1e-6);
  EXPECT_EQ(comparison.rails[0].worst_op, 1u);
  EXPECT_NEAR(*comparison.rails[0].total_error, 5.0 / 70, 1e-6);
  EXPECT_FALSE(comparison.rails[1].mean_error.has_value());
}

TEST(TruthComparison, WithoutOperatorsSaysSo) {
  RunReport report = SampleReport();
  report.ops.clear();
  EXPECT_EQ(TruthText(report, CompareWithTruth(report, SampleTruth())),
            "error: unknown, no operator was measured that the truth could be compared with\n");
}

TEST(TruthComparison, StandsBesideTheEstimatesInJsonAndText) {
  const RunReport report = SampleReport();
  const TruthComparison comparison = CompareWithTruth(report, SampleTruth());
  nlohmann::ordered_json document = nlohmann::ordered_json::parse(R"({"ops": [{}, {}]})");
  AddTruth(report, comparison, &document);
  EXPECT_NEAR(document["ops"][1]["truth_j"]["VDD_IN"].get<double>(), 0.020, 1e-12);
  EXPECT_EQ(document["ops"][1]["truth_j"]["VDD_CPU"], nullptr);
  EXPECT_EQ(document["truth"]["VDD_IN"]["worst_op"], 1);
  EXPECT_THAT(
      TruthText(report, comparison),
      HasSubstr(
          "error on VDD_IN: mean 12.5 % of an operator, worst 25.0 % (relu1, operator 1), sum "
          "of all +7.1 %\n"));
  const std::vector<ExtraColumn> columns = TruthColumns(report, comparison);
  EXPECT_EQ(columns[0].cells.at(1), "20.000");
  EXPECT_EQ(columns[1].cells.at(1), "+25.0");
}

std::string FileBytes(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(WriteOutputFile, ReplacesAPlainFileAsAWhole) {
  const TempFolder folder;
  const std::string path = folder.File("out.csv");
  ASSERT_TRUE(WriteOutputFile(path, {"old"}).ok());
  ASSERT_TRUE(WriteOutputFile(path, {"new"}).ok());
  EXPECT_EQ(FileBytes(path), "new");
}

TEST(WriteOutputFile, TouchesNoOtherFileAndNoLink) {
  const TempFolder folder;
  std::ofstream(folder.File("out.csv.new")) << "somebody's";
  std::ofstream(folder.File("real.csv")) << "old";
  std::filesystem::create_symlink("real.csv", folder.File("out.csv"));
  ASSERT_TRUE(WriteOutputFile(folder.File("out.csv"), {"n", "ew"}).ok());
  EXPECT_EQ(FileBytes(folder.File("real.csv")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.File("out.csv")));
  EXPECT_EQ(FileBytes(folder.File("out.csv.new")), "somebody's");
  const auto files = std::filesystem::directory_iterator(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 3);
}

TEST(WriteOutputFile, WritesWhereALinkPointsAtNothingYet) {
  const TempFolder folder;
  std::filesystem::create_symlink("real.csv", folder.File("out.csv"));
  ASSERT_TRUE(WriteOutputFile(folder.File("out.csv"), {"new"}).ok());
  EXPECT_EQ(FileBytes(folder.File("real.csv")), "new");
}

TEST(WriteOutputFile, WritesIntoADeviceInsteadOfReplacingIt) {
  ASSERT_TRUE(WriteOutputFile("/dev/null", {"x"}).ok());
  struct stat null = {};
  ASSERT_EQ(stat("/dev/null", &null), 0);
  EXPECT_TRUE(S_ISCHR(null.st_mode));
  const absl::Status full = WriteOutputFile("/dev/full", {"x"});
  EXPECT_EQ(ExitCodeOf(full), ExitCode::kFailedCheck);
  EXPECT_THAT(full.ToString(), HasSubstr("no space left"));
}

TEST(WriteOutputFile, AMissingFolderIsNamed) {
  const TempFolder folder;
  const absl::Status status = WriteOutputFile(folder.File("none/out.csv"), {"x"});
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kFailedCheck);
  EXPECT_THAT(status.ToString(), HasSubstr("none/out.csv"));
}

}  // namespace
}  // namespace synergy
