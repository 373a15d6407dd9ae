// Whatever an engine does wrong, the job ends with a clear line and the daemon goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/jobs/job_runner_fixture.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BadEngine : public JobRunnerTest {
 protected:
  // Runs a job that must fail, then one that must not: whatever an engine does, the daemon goes on.
  v1::JobStatus RunBad(const std::string& net, v1::JobSpec spec = MeasuringDevice::Spec()) {
    Start();
    const v1::JobStatus bad = device_.Run(net, std::move(spec));
    EXPECT_EQ(bad.state(), v1::JOB_STATE_FAILED) << bad.error();
    const RunData data = device_.Records(bad.run_id());
    EXPECT_TRUE(data.end() != nullptr);
    if (data.end() != nullptr) {
      EXPECT_EQ(data.end()->state(), v1::JOB_STATE_FAILED);
      EXPECT_EQ(data.end()->verdict(), v1::VERDICT_INVALID);
      EXPECT_EQ(data.end()->error(), bad.error());
    }
    const v1::JobStatus good = device_.Run("operators 2");
    EXPECT_EQ(good.state(), v1::JOB_STATE_DONE) << good.error();
    return bad;
  }
};

TEST_F(BadEngine, ACrashNamesTheSignalAndTheOperator) {
  const v1::JobStatus job = RunBad("crash 11 op 1 iteration 2");
  EXPECT_THAT(job.error(), AllOf(HasSubstr("SIGSEGV"), HasSubstr("in operator 1 \"op1\" (Conv)"),
                                 HasSubstr("iteration 2 of the measured phase")));
  const RunData data = device_.Records(job.run_id());
  EXPECT_EQ(Executions(data, v1::PHASE_MEASURE), 2u * 3 + 1) << "what was done before it stays";
}

TEST_F(BadEngine, ACrashWhileLoadingSaysSo) {
  EXPECT_THAT(RunBad("crash_in_load 1").error(),
              AllOf(HasSubstr("SIGABRT"), HasSubstr("while it loaded the nets")));
}

TEST_F(BadEngine, AHangEndsAtTheLimitWithTheOperator) {
  device_.options.engine.silence = Milliseconds(300);
  EXPECT_THAT(RunBad("hang 1").error(),
              AllOf(HasSubstr("hangs in operator 1 \"op1\""), HasSubstr("no sign of life")));
}

TEST_F(BadEngine, AHangWhileLoadingEndsAtItsLimit) {
  device_.options.engine.load = Milliseconds(300);
  EXPECT_THAT(RunBad("hang_in_load 1").error(), HasSubstr("hangs while it loaded the nets"));
}

TEST_F(BadEngine, TheTimeLimitEndsAJobThatIsStillBusy) {
  v1::JobSpec spec = MeasuringDevice::Spec(1'000'000);
  spec.set_time_limit_s(0.5);
  EXPECT_THAT(
      RunBad("operators 2 op_us 1000", spec).error(),
      AllOf(HasSubstr("time limit of 0.5 s ran out on the engine fake"), HasSubstr("operator")));
}

TEST_F(BadEngine, GarbageMarkersFailTheJob) {
  const v1::JobStatus job = RunBad("garbage_op 1");
  EXPECT_THAT(job.error(), HasSubstr("operator 4711 of a net of 3"));
  const RunData data = device_.Records(job.run_id());
  EXPECT_THAT(data.end()->reasons(), Contains(StartsWith("ring_garbage")));
  for (const Marker& marker : data.markers()) EXPECT_NE(marker.op, 4711u);
}

TEST_F(BadEngine, MarkersThatEndBeforeTheyBeginFailTheJob) {
  EXPECT_THAT(RunBad("garbage_end 1").error(), HasSubstr("garbage"));
}

TEST_F(BadEngine, ARingWhoseCountersAreOverwrittenFailsTheJob) {
  const v1::JobStatus job = RunBad("garbage_head 1");
  EXPECT_THAT(job.error(), HasSubstr("damaged its marker ring"));
  EXPECT_THAT(device_.Records(job.run_id()).end()->reasons(), Contains(StartsWith("ring_garbage")));
}

TEST_F(BadEngine, ARingCannotBeTruncated) {
  Start();
  const v1::JobStatus job = device_.Run("truncate 1");
  EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_THAT(WorkerLog(job.run_id()), HasSubstr("truncating the ring: Operation not permitted"));
}

TEST_F(BadEngine, AFullRingMakesTheRunSuspect) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_iterations(100'000);
  const v1::JobStatus job = device_.Run("flood 1", spec);
  EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_GT(data.end()->markers_dropped(), 0u);
  EXPECT_EQ(data.end()->verdict(), v1::VERDICT_SUSPECT);
  EXPECT_THAT(data.end()->reasons(), Contains(StartsWith("markers_dropped")));
  EXPECT_EQ(data.end()->markers() + data.end()->markers_dropped(),
            100'000u * 4 + 2 * 4 + 2);  // iterations, warm-up, load and init
}

TEST_F(BadEngine, AnEngineThatEndsEarlyIsNamedWithItsExitCode) {
  EXPECT_THAT(RunBad("exit_early 1").error(), HasSubstr("fake exited with code 3"));
}

TEST_F(BadEngine, AnEngineOfAnotherVersionIsRefused) {
  EXPECT_THAT(RunBad("wrong_version 1").error(),
              AllOf(HasSubstr("version 7"), HasSubstr("this synergyd versions 1 to 5")));
}

TEST_F(BadEngine, AnEngineOfAnotherNameIsRefused) {
  EXPECT_THAT(RunBad("wrong_name 1").error(), HasSubstr("says that it is other"));
}

TEST_F(BadEngine, FramesThatAreNoneFailTheJob) {
  EXPECT_THAT(RunBad("bad_frame 1").error(), HasSubstr("the engine fake"));
}

TEST_F(BadEngine, AFrameBeyondTheLimitFailsTheJob) {
  EXPECT_THAT(RunBad("huge_frame 1").error(), HasSubstr("the engine fake"));
}

TEST_F(BadEngine, HalfAFrameHoldsNobodyUpForLongerThanTheLimit) {
  device_.options.engine.hello = Milliseconds(300);
  EXPECT_THAT(RunBad("half_frame 1").error(),
              HasSubstr("hangs before it did anything: no sign of life for 0.3 s"));
}

TEST_F(BadEngine, AnEngineThatClosesItsConnectionIsKilled) {
  EXPECT_THAT(RunBad("close 1").error(), AllOf(HasSubstr("went silent"), HasSubstr("op1")));
}

TEST_F(BadEngine, AFailureThatTheEngineReportsIsPassedOn) {
  EXPECT_THAT(RunBad("fail 1").error(),
              AllOf(HasSubstr("out of memory"), HasSubstr("in operator 1 \"op1\" (Conv)")));
}

TEST_F(BadEngine, AnEnginesTextReachesNoTerminalAsACommand) {
  EXPECT_THAT(RunBad("fail_in_load 1").error(), HasSubstr("no NetDef: ?[31mgarbage"));
}

TEST_F(BadEngine, AnOperatorTableThatDoesNotFitFailsTheJob) {
  EXPECT_THAT(RunBad("wrong_table 1").error(), HasSubstr("out of order"));
}

TEST_F(BadEngine, ASecondOperatorTableFailsTheJob) {
  EXPECT_THAT(RunBad("second_table 1").error(), HasSubstr("twice"));
}

TEST_F(BadEngine, AnEngineThatIsNotThereFailsTheJob) {
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_engine("missing");
  EXPECT_THAT(RunBad("operators 1", spec).error(), HasSubstr("synergy-worker-missing"));
}

TEST_F(BadEngine, WhatAnEngineLeavesBehindIsKilled) {
  Start();
  const v1::JobStatus job = device_.Run("stray 1");
  EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_THAT(Codes(device_.Records(job.run_id())), Contains("strays_killed"));
  EXPECT_EQ(KillStrays(), 0);
}

TEST_F(BadEngine, AnEngineThatEndsBadlyAfterTheLastIterationIsNoted) {
  Start();
  const v1::JobStatus job = device_.Run("bad_exit 1");
  EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_THAT(Codes(device_.Records(job.run_id())), Contains("engine_end"));
}

TEST_F(BadEngine, AnEngineThatTalksALotFillsNoDisk) {
  Start();
  const v1::JobStatus job = device_.Run("chatter 1");
  EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const std::string log = WorkerLog(job.run_id());
  EXPECT_LT(log.size(), WorkerProcess::kMaxLogBytes + 100);
  for (const char* part : {"line 0 of", "bytes left out", "line 99999 of"}) {
    EXPECT_NE(log.find(part), std::string::npos) << part;
  }
}

}  // namespace
}  // namespace synergy
