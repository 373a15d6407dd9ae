// Jobs run to their end with a real process and the simulated board.
#include "daemon/jobs/job_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>

#include "common/iteration_pause.h"
#include "common/run_codes.h"
#include "common/sha256.h"
#include "common/tensor_pack.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "synergy/v1/device.pb.h"
#include "tests/daemon/jobs/job_runner_fixture.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/small_disk.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// For what takes well under 2 s on a machine that has nothing else to do; tests/e2e holds the 2 s.
constexpr double kGenerousS = 15;

TEST_F(JobRunnerTest, RecordsACompleteRun) {
  device_.options.baseline = RunnerOptions{}.baseline;  // every voltage is read once in it
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_warmup(3);
  spec.set_seed(42);
  const v1::JobStatus job = device_.Run("operators 4 op_us 300", spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_TRUE(job.has_truth());
  const RunData data = device_.Records(job.run_id());
  EXPECT_EQ(data.next_seq(), job.chunks());

  ASSERT_NE(data.header(), nullptr);
  const v1::RunHeader& header = *data.header();
  EXPECT_EQ(header.run_id(), job.run_id());
  EXPECT_EQ(header.job().seed(), 42u);
  EXPECT_TRUE(header.board().simulated());
  EXPECT_EQ(header.boot_id().size(), 36u);
  EXPECT_EQ(header.clock(), "CLOCK_MONOTONIC");
  EXPECT_GE(header.suspended_s(), 0);
  EXPECT_GT(header.begin_ns(), 0);
  EXPECT_GT(header.wall_time_unix_ns(), 1'600'000'000'000'000'000);
  EXPECT_EQ(header.engine_version(), "fake engine 1.0");
  EXPECT_EQ(header.requested_hz(), header.board().default_rate_hz());
  EXPECT_FALSE(header.channels().empty());

  ASSERT_EQ(data.operators().size(), 4u);
  EXPECT_EQ(data.operators()[2].name(), "op2");
  std::vector<v1::Phase> phases;
  for (const v1::PhaseChange& change : data.phases()) phases.push_back(change.phase());
  EXPECT_THAT(phases, ElementsAre(v1::PHASE_IDLE, v1::PHASE_SETUP, v1::PHASE_WARMUP,
                                  v1::PHASE_MEASURE, v1::PHASE_IDLE));
  EXPECT_EQ(Executions(data, v1::PHASE_WARMUP), 3u * 4);
  EXPECT_EQ(Executions(data, v1::PHASE_MEASURE), 5u * 4);
  EXPECT_THAT(Codes(data), Contains("simulated"));

  ASSERT_NE(data.end(), nullptr);
  const v1::RunEnd& end = *data.end();
  EXPECT_EQ(end.state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(end.error(), "");
  EXPECT_EQ(end.markers(), data.markers().size());
  EXPECT_EQ(end.markers_dropped(), 0u);
  ASSERT_EQ(end.sampling().sources_size(), 1);
  EXPECT_GT(end.sampling().sources(0).ticks(), 0u);
  EXPECT_GT(end.sampling().daemon_cpu_s(), 0);
  ASSERT_TRUE(end.has_observer());
  EXPECT_GT(end.observer().time_s(), 0);
  EXPECT_GT(end.observer().cpu_s(), 0);
  EXPECT_GT(end.observer().bus_transfers(), 0u);
  for (const auto& [channel, readings] : data.readings()) EXPECT_FALSE(readings.empty());
}

TEST_F(JobRunnerTest, TheLogTellsOfEveryJob) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  Start();
  const v1::JobSpec spec = MeasuringDevice::Spec(50);
  const std::string good = device_.Run("operators 4 op_us 300", spec).run_id();
  const std::string bad = device_.Run("operators 3 crash 11").run_id();
  device_.queue().Stop();
  spdlog::set_default_logger(before);
  for (const std::string& run_id : {good, bad}) {
    EXPECT_THAT(log.str(), AllOf(HasSubstr(fmt::format("run {}: submitted: net on fake", run_id)),
                                 HasSubstr(fmt::format("[info] run {}: started", run_id))));
  }
  EXPECT_THAT(log.str(), HasSubstr(fmt::format("[info] run {}: done, ", good)));
  EXPECT_THAT(log.str(), HasSubstr(fmt::format("[warning] run {}: failed: the engine fake", bad)));
}

TEST_F(JobRunnerTest, SlowSamplingIsNotValidAndItsReadingsEncloseTheJobNevertheless) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_rate_hz(1);
  const v1::JobStatus job = device_.Run("operators 4 op_us 300", spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_NE(data.end()->verdict(), v1::VERDICT_VALID);
  EXPECT_THAT(data.end()->reasons(), Contains(StartsWith("few_readings")));
  EXPECT_THAT(data.end()->reasons(), Not(Contains(StartsWith("edge_unread"))));
  EXPECT_EQ(data.end()->sampling().sources(0).requested_hz(), 1);
  ASSERT_FALSE(data.markers().empty());
  for (const RailPower& rail : data.Power()) {
    ASSERT_FALSE(rail.samples.empty()) << rail.rail;
    EXPECT_LT(rail.samples.front().at_ns, data.markers().front().begin_ns) << rail.rail;
    EXPECT_GT(rail.samples.back().at_ns, data.markers().back().end_ns) << rail.rail;
  }
}

TEST_F(JobRunnerTest, TheTruthLiesApartAndCoversTheMeasuredExecutions) {
  Start();
  const v1::JobStatus job = device_.Run("operators 4 op_us 300");
  auto fd = device_.queue().OpenTruth(job.run_id());
  ASSERT_TRUE(fd.ok()) << fd.status();
  v1::RunTruth truth;
  ASSERT_TRUE(truth.ParseFromFileDescriptor(fd->get()));
  EXPECT_EQ(truth.run_id(), job.run_id());
  EXPECT_EQ(truth.operators_size(), 5 * 4);
  for (const auto& op : truth.operators()) {
    for (const double energy : op.energy_j()) EXPECT_GT(energy, 0);
  }
}

TEST_F(JobRunnerTest, AnUploadInTheMeasuredPhaseIsNoted) {
  Start();
  const auto upload = [&](char content) {
    const std::string bytes(1'500'000, content);
    Sha256 hash;
    hash.Update(bytes);
    v1::ObjectRef object;
    object.set_sha256(hash.Finish());
    object.set_bytes(bytes.size());
    const auto state = device_.queue().AppendObject(object, 0, MemoryFile(bytes));
    EXPECT_TRUE(state.ok() && state->complete) << state.status();
  };
  upload('a');
  const v1::JobStatus quiet = device_.Run("operators 2");
  EXPECT_THAT(Codes(device_.Records(quiet.run_id())), Not(Contains("upload_meanwhile")));
  const std::string run_id = device_.SubmitEndless("operators 2 op_us 300");
  upload('b');
  upload('b');  // nothing is sent again
  ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
  device_.WaitForEnd(run_id);
  std::string text;
  const RunData data = device_.Records(run_id);
  for (const v1::Notice& notice : data.notices()) {
    if (notice.code() == "upload_meanwhile") text += notice.text();
  }
  EXPECT_THAT(text, HasSubstr("took or checked 1.5 MB"));
}

TEST_F(JobRunnerTest, KeepsTheOutputsWholeWhereItIsAskedTo) {
  Start();
  const v1::JobStatus without = device_.Run("operators 2");
  EXPECT_FALSE(without.has_outputs());
  EXPECT_FALSE(std::filesystem::exists(Outputs(without.run_id())));
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_keep_outputs(true);
  const int bytes = 300'000;  // more than a pipe holds
  const v1::JobStatus job = device_.Run(fmt::format("operators 2 output_bytes {}", bytes), spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_TRUE(job.has_outputs());
  const auto file = device_.queue().OpenOutputs(job.run_id());
  ASSERT_TRUE(file.ok()) << file.status();
  const auto pack = MappedTensorPack::MapUntrusted(file->get());
  ASSERT_TRUE(pack.ok()) << pack.status();
  ASSERT_EQ(pack->tensors().size(), 1u);
  EXPECT_EQ(pack->tensors()[0].name, "out");
  EXPECT_EQ(pack->tensors()[0].bytes, std::string(bytes, 'o'));
  EXPECT_THAT(Codes(device_.Records(job.run_id())), Not(Contains("no_outputs")));
}

TEST_F(JobRunnerTest, OutputsThatFailCostNoMeasurement) {
  device_.options.engine.outputs_bytes = 100'000;
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_keep_outputs(true);
  for (const char* net : {"operators 2 fail_outputs 1", "operators 2 lie_about_outputs 1",
                          "operators 2 output_bytes 500000"}) {
    const v1::JobStatus job = device_.Run(net, spec);
    EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
    EXPECT_FALSE(job.has_outputs());
    EXPECT_FALSE(std::filesystem::exists(Outputs(job.run_id())));
    EXPECT_FALSE(std::filesystem::exists(Outputs(job.run_id()) + ".new"));
    EXPECT_THAT(Codes(device_.Records(job.run_id())), Contains("no_outputs"));
  }
}

TEST_F(JobRunnerTest, AnEngineOfTheFirstProtocolRunsAJobThatNeedsNoMore) {
  Start();
  const v1::JobStatus job = device_.Run("operators 2 old_version 1");
  EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_keep_outputs(true);
  const v1::JobStatus refused = device_.Run("operators 2 old_version 1", spec);
  EXPECT_EQ(refused.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(refused.error(), HasSubstr("version 1 of the engine protocol"));
}

TEST_F(JobRunnerTest, MeasuredIterationsComeAfterTheirPauses) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_seed(42);
  spec.set_longest_pause_s(0.004);
  const v1::JobStatus job = device_.Run("operators 2", spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_EQ(data.header()->job().longest_pause_s(), 0.004);
  EXPECT_THAT(Codes(data), Not(Contains("no_pauses")));
  int64_t at = 0;
  uint32_t iterations = 0;
  for (const Marker& marker : data.markers()) {
    if (marker.op != kOpNet || marker.phase != v1::PHASE_MEASURE) continue;
    EXPECT_GE(marker.begin_ns - at, PauseBefore(42, marker.iteration, Milliseconds(4)).count);
    at = marker.end_ns;
    ++iterations;
  }
  EXPECT_EQ(iterations, spec.iterations());
}

TEST_F(JobRunnerTest, AnEngineOfTheSecondProtocolMakesNoPausesAndTheRunSaysSo) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_longest_pause_s(0.004);
  const v1::JobStatus job = device_.Run("operators 2 old_version 2", spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_THAT(Codes(device_.Records(job.run_id())), Contains("no_pauses"));
  const v1::JobStatus unasked = device_.Run("operators 2 old_version 2");
  EXPECT_THAT(Codes(device_.Records(unasked.run_id())), Not(Contains("no_pauses")));
}

TEST_F(JobRunnerTest, ARunSaysByWhichLimitsItWasJudgedWhereTheyWereMoved) {
  device_.options.limits.readings = 1e9;
  Start();
  const v1::JobStatus job = device_.Run("operators 2");
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_THAT(data.end()->reasons(), Contains(StartsWith("few_readings")));
  EXPECT_THAT(Codes(data), Contains("limits_moved"));
}

TEST_F(JobRunnerTest, WhatAnEngineNotesBecomesNoticesButNoneOfTheDaemonsOwn) {
  Start();
  const v1::JobStatus job = device_.Run("operators 2 notes 1");
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_THAT(Codes(data), Contains("nan_weights"));
  EXPECT_THAT(Codes(data), Contains("engine_note")) << "it said 'simulated'";
  for (const v1::Notice& notice : data.notices()) {
    EXPECT_THAT(notice.text(), Not(HasSubstr("\x1b")));
  }
}

TEST_F(JobRunnerTest, TellsEveryPhaseAndTheProgress) {
  Start();
  const v1::JobSpec spec = MeasuringDevice::Spec(300);
  const v1::JobStatus job = device_.Run("operators 4 op_us 1000", spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_EQ(job.phase(), v1::PHASE_IDLE);
  uint32_t iteration = 0;
  uint64_t chunks = 0;
  size_t with_power = 0;
  std::vector<v1::Phase> phases;
  for (const v1::JobStatus& status : device_.news.news()) {
    if (status.state() != v1::JOB_STATE_RUNNING) continue;
    EXPECT_GE(status.chunks(), chunks);
    chunks = status.chunks();
    if (phases.empty() || phases.back() != status.phase()) phases.push_back(status.phase());
    if (status.phase() == v1::PHASE_MEASURE) {
      EXPECT_GE(status.iteration(), iteration);
      iteration = status.iteration();
      with_power += status.power_w() > 0 ? 1 : 0;
    }
  }
  EXPECT_THAT(phases, ElementsAre(v1::PHASE_IDLE, v1::PHASE_SETUP, v1::PHASE_WARMUP,
                                  v1::PHASE_MEASURE, v1::PHASE_IDLE));
  EXPECT_GT(iteration, 0u);
  EXPECT_LT(iteration, 300u);
  EXPECT_GE(with_power, 3u) << "five times a second for 1.2 s";
}

TEST_F(JobRunnerTest, ACancelledJobEndsWithinTwoSecondsWithItsRecords) {
  Start();
  const std::string run_id = device_.SubmitEndless("operators 2 op_us 1000");
  const MonotonicTime begin = RealClock().Now();
  ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
  const v1::JobStatus job = device_.WaitForEnd(run_id);
  EXPECT_LT((RealClock().Now() - begin).seconds(), kGenerousS);
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  const RunData data = device_.Records(run_id);
  EXPECT_EQ(data.end()->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(data.end()->reasons(), Contains(StartsWith("job_cancelled")));
  EXPECT_EQ(data.end()->markers(), data.markers().size());
}

TEST_F(JobRunnerTest, ACancelledJobEndsAlsoWhileItsEngineHangs) {
  Start();
  const std::string run_id = device_.Submit("hang_in_load 1");
  device_.news.WaitForPhase(run_id, v1::PHASE_SETUP);
  const MonotonicTime begin = RealClock().Now();
  ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
  EXPECT_EQ(device_.WaitForEnd(run_id).state(), v1::JOB_STATE_CANCELLED);
  EXPECT_LT((RealClock().Now() - begin).seconds(), kGenerousS);
}

TEST_F(JobRunnerTest, StopEndsTheRunningJobWithinTwoSecondsWithItsRecords) {
  Start();
  const std::string run_id = device_.SubmitEndless("operators 2 op_us 1000");
  const MonotonicTime begin = RealClock().Now();
  device_.queue().Stop();
  EXPECT_LT((RealClock().Now() - begin).seconds(), kGenerousS);
  const RunData data = device_.Records(run_id);
  EXPECT_EQ(data.end()->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_THAT(data.end()->error(), HasSubstr("daemon was stopped"));
  EXPECT_GT(data.markers().size(), 0u);
}

TEST_F(JobRunnerTest, AFullDiskFailsTheJobWithTheReasonAndTheDaemonGoesOn) {
  Start();
  const std::string run_id = device_.SubmitEndless("operators 2 op_us 100");
  v1::JobStatus job;
  {
    const std::string spool = folder_.path() + "/runs/" + run_id + "/records.spool";
    const FileSizeLimit disk_full(std::filesystem::file_size(spool) + 5000);
    job = device_.WaitForEnd(run_id);
  }
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), AllOf(HasSubstr("records could not be written"),
                                 HasSubstr("no space left"), HasSubstr("records.spool")));
  EXPECT_EQ(device_.Run("operators 2").state(), v1::JOB_STATE_DONE);
}

TEST_F(JobRunnerTest, RecordsBeyondTheirLimitFailTheJobWithTheReason) {
  device_.options.spool.max_bytes = 100'000;
  Start();
  const v1::JobSpec spec = MeasuringDevice::Spec(1'000'000);
  const v1::JobStatus job = device_.Run("operators 2 op_us 100", spec);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), HasSubstr("the records of one run may take"));
  const RunData data = device_.Records(job.run_id());
  ASSERT_NE(data.end(), nullptr);
  EXPECT_EQ(data.end()->state(), v1::JOB_STATE_FAILED);
}

TEST(JobRunnerOnASmallDisk, TheEndOfARunIsWrittenAlsoWhenTheDiskIsFull) {
  SmallDisk disk(4 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs root to mount a small disk";
  MeasuringDevice device(disk.path());
  device.Start();
  const std::string run_id = device.SubmitEndless("operators 2 op_us 100");
  disk.FillUpTo(16 << 10);
  const v1::JobStatus job = device.WaitForEnd(run_id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), HasSubstr("no space left"));
  const RunData data = device.Records(run_id);
  ASSERT_NE(data.end(), nullptr);
  EXPECT_EQ(data.end()->error(), job.error());
  EXPECT_EQ(data.end()->verdict(), v1::VERDICT_INVALID);
  EXPECT_EQ(data.next_seq(), job.chunks());
  const auto& reasons = data.end()->reasons();
  EXPECT_EQ(std::count_if(reasons.begin(), reasons.end(),
                          [](const auto& r) { return HasCode(r, ReasonCode::kJobFailed); }),
            1);
  EXPECT_THAT(reasons, Not(Contains(HasSubstr("too slow"))));
  disk.Free();
  EXPECT_EQ(device.Run("operators 2").state(), v1::JOB_STATE_DONE);
}

TEST_F(JobRunnerTest, AJobThatLeavesCpusHasTheLastOnesToItself) {
  const std::vector<int> all = AvailableCpus();
  if (all.size() < 2) GTEST_SKIP() << "needs two CPUs";
  Start();
  const v1::JobStatus job = device_.Run("operators 2");
  EXPECT_THAT(WorkerLog(job.run_id()), HasSubstr(fmt::format("CPUs: {}\n", all.back())));
  EXPECT_THAT(device_.pinned, ElementsAre(std::vector<int>(all.begin(), all.end() - 1), all));
  EXPECT_THAT(Codes(device_.Records(job.run_id())), Not(Contains("cores_shared")));
}

TEST_F(JobRunnerTest, AJobThatNeedsEveryCpuSharesThemAndSaysSo) {
  const std::vector<int> all = AvailableCpus();
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_threads(static_cast<uint32_t>(all.size()));
  const v1::JobStatus job = device_.Run("operators 2", spec);
  EXPECT_THAT(WorkerLog(job.run_id()), HasSubstr(fmt::format("CPUs: {}\n", fmt::join(all, " "))));
  EXPECT_THAT(device_.pinned, IsEmpty());
  EXPECT_THAT(Codes(device_.Records(job.run_id())), Contains("cores_shared"));
}

}  // namespace
}  // namespace synergy
