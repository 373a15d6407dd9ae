// Jobs that go on until they are precise enough, and that repeat an operator, with a real process
// and the simulated board.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/attribution/energy_estimator.h"
#include "common/run_codes.h"
#include "tests/daemon/jobs/job_runner_fixture.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Two operators of 5 ms, which every sensor tells apart.
constexpr char kLongOperators[] = "operators 2 op_us 5000";

v1::JobSpec Precise(double precision, double max_s) {
  v1::JobSpec spec = MeasuringDevice::Spec(20);
  spec.set_precision(precision);
  spec.set_max_time_s(max_s);
  spec.set_longest_pause_s(0.002);
  return spec;
}

std::vector<v1::Phase> PhasesOf(const RunData& data) {
  std::vector<v1::Phase> phases;
  for (const v1::PhaseChange& change : data.phases()) phases.push_back(change.phase());
  return phases;
}

// The widest intervals of VDD_IN that the records gave while the device decided.
std::vector<double> WidestWhileDeciding(const std::vector<v1::Chunk>& chunks) {
  std::vector<double> widest;
  EnergyEstimator estimator;
  RunData data;
  for (const v1::Chunk& chunk : chunks) {
    EXPECT_TRUE(estimator.Add(chunk).ok());
    EXPECT_TRUE(data.Add(chunk).ok());
    if (data.phases().empty() || data.phases().back().phase() != v1::PHASE_DECIDING) continue;
    widest.push_back(estimator.Solve().rails.at(0).widest);
  }
  return widest;
}

TEST_F(JobRunnerTest, GoesOnInBlocksUntilItIsPreciseEnough) {
  Start();
  const v1::JobStatus job = device_.Run(kLongOperators, Precise(0.2, 300));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  ASSERT_NE(data.end(), nullptr);
  ASSERT_FALSE(data.end()->blocks().empty());
  const v1::MeasuredBlock& last = *data.end()->blocks().rbegin();
  EXPECT_EQ(last.rail(), "VDD_IN");
  EXPECT_EQ(last.why_not(), "");
  EXPECT_LE(last.widest_interval(), 0.2);
  EXPECT_EQ(job.widest_interval(), last.widest_interval());
  EXPECT_THAT(data.end()->reasons(), Not(Contains(StartsWith("precision_not_reached"))));
  EXPECT_EQ(Executions(data, v1::PHASE_MEASURE), 2 * last.iterations());
  EXPECT_THAT(PhasesOf(data), Contains(v1::PHASE_DECIDING));
  EXPECT_THAT(WidestWhileDeciding(device_.Chunks(job.run_id())), Contains(last.widest_interval()))
      << "what the device found, the same records give elsewhere";
}

TEST_F(JobRunnerTest, TheIterationThatIsToldNeverGoesBackFromBlockToBlock) {
  device_.options.progress_period = Milliseconds(1);
  Start();
  const v1::JobStatus job = device_.Run(kLongOperators, Precise(1e-4, 3));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  uint32_t iteration = 0;
  for (const v1::JobStatus& status : device_.news.news()) {
    if (status.phase() != v1::PHASE_MEASURE && status.phase() != v1::PHASE_DECIDING) continue;
    EXPECT_GE(status.iteration(), iteration) << status.phase();
    iteration = status.iteration();
  }
  EXPECT_GT(iteration, 20u);
}

TEST_F(JobRunnerTest, EndsWhenItsTimeIsOverAndSaysHowPreciseItIs) {
  Start();
  const v1::JobStatus job = device_.Run(kLongOperators, Precise(1e-4, 3));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_THAT(data.end()->reasons(),
              Contains(AllOf(StartsWith("precision_not_reached: "), HasSubstr("VDD_IN"))));
  EXPECT_EQ(Executions(data, v1::PHASE_MEASURE), 2 * data.end()->blocks().rbegin()->iterations());
}

TEST_F(JobRunnerTest, AJobThatCannotBecomePreciseIsRefusedBeforeItRuns) {
  Start();
  v1::JobSpec spec = Precise(0.02, 300);
  spec.add_precision_rails("VDD_NONE");
  const v1::JobStatus job = device_.Run(kLongOperators, spec);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), HasSubstr("VDD_NONE"));
}

TEST_F(JobRunnerTest, WithoutItsEstimatorItMeasuresAndSaysThatThePrecisionIsNotKnown) {
  device_.options.estimator = "/nowhere/synergy-estimate";
  Start();
  const v1::JobStatus job = device_.Run(kLongOperators, Precise(0.02, 300));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_EQ(data.end()->blocks_size(), 3) << "then it is given up";
  EXPECT_THAT(data.end()->reasons(), Contains(AllOf(StartsWith("precision_not_reached: "),
                                                    HasSubstr("synergy-estimate"))));
}

TEST_F(JobRunnerTest, ACancelledJobWithAPrecisionKeepsWhatItHas) {
  Start();
  const std::string run_id = device_.Submit(kLongOperators, Precise(1e-4, 3000));
  device_.news.WaitForPhase(run_id, v1::PHASE_DECIDING);
  ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
  EXPECT_EQ(device_.WaitForEnd(run_id).state(), v1::JOB_STATE_CANCELLED);
  const RunData data = device_.Records(run_id);
  EXPECT_GE(Executions(data, v1::PHASE_MEASURE), 2u * 20);
  EXPECT_THAT(data.end()->reasons(), Contains(StartsWith("job_cancelled")));
}

TEST_F(JobRunnerTest, RepeatsAnOperatorBehindTheMeasuredIterations) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.mutable_loop()->set_op(1);
  spec.mutable_loop()->set_seconds(0.2);
  const v1::JobStatus job = device_.Run("operators 3 op_us 1000", spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_THAT(PhasesOf(data),
              testing::ElementsAre(v1::PHASE_IDLE, v1::PHASE_SETUP, v1::PHASE_WARMUP,
                                   v1::PHASE_MEASURE, v1::PHASE_LOOP, v1::PHASE_IDLE));
  EXPECT_EQ(Executions(data, v1::PHASE_MEASURE), 15u) << "the loop's are none of them";
  const auto looped = std::ranges::count_if(
      data.markers(), [](const Marker& m) { return m.phase == v1::PHASE_LOOP && m.op == 1; });
  EXPECT_GE(looped, 10);
  EXPECT_THAT(data.end()->reasons(), Not(Contains(StartsWith("markers_missing"))));
}

TEST_F(JobRunnerTest, AnOperatorThatTheNetHasNotCannotBeRepeated) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.mutable_loop()->set_op(3);
  spec.mutable_loop()->set_seconds(1);
  const v1::JobStatus job = device_.Run("operators 3", spec);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), HasSubstr("operator 3 is to be repeated, and the net has 3"));
}

TEST_F(JobRunnerTest, AnOlderEngineRepeatsNothingAndTheJobSaysSo) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.mutable_loop()->set_seconds(1);
  EXPECT_THAT(device_.Run("operators 3 old_version 3", spec).error(),
              HasSubstr("which has no repeated operators"));
  EXPECT_EQ(device_.Run("operators 3 old_version 3").state(), v1::JOB_STATE_DONE);
  EXPECT_THAT(device_.Run("operators 3 lie_about_loop 1", spec).error(),
              HasSubstr("not made for this synergyd"));
}

}  // namespace
}  // namespace synergy
