// Jobs that ask for clocks, with a real process, on the clocks of a simulated board.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "daemon/clocks/simulated_clocks.h"
#include "daemon/jobs/job_runner.h"
#include "tests/daemon/jobs/job_runner_fixture.h"

namespace synergy {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class JobClocksTest : public JobRunnerTest {
 protected:
  JobClocksTest() {
    const absl::Status made = MakeSimulatedClocks(
        tree_,
        {.policies = {{.cores = 4, .khz = {102000, 1224000, 1734000}}},
         .cpu_governors = {"interactive", "ondemand", "userspace", "performance"},
         .devices = {{.name = "gpu", .devfreq = "class/devfreq/57000000.gpu"}},
         .gpu_hz = {76800000},
         .gpu_governors = {"nvhost_podgov"}},
        "boot");
    EXPECT_TRUE(made.ok()) << made;
    control_ =
        std::make_unique<ClockControl>(ClockControlOptions{.sysfs_root = SimulatedSysfsRoot(tree_),
                                                           .lease_folder = tree_ + "/leases",
                                                           .boot_id = "boot",
                                                           .simulated = true},
                                       files_);
    before_ = control_->Describe().SerializeAsString();
    device_.clocks = control_.get();
    device_.queue_options.limits.can_set_clocks = true;
  }
  static v1::JobSpec Pinned(uint32_t iterations = 5) {
    v1::JobSpec spec = MeasuringDevice::Spec(iterations);
    spec.mutable_clocks()->mutable_cpu()->set_khz(1224000);
    spec.mutable_clocks()->set_governor("userspace");
    return spec;
  }
  void ExpectPutBack() {
    EXPECT_EQ(control_->Describe().SerializeAsString(), before_);
    EXPECT_FALSE(std::filesystem::exists(tree_ + "/leases/clocks.journal"));
  }

  TempFolder clock_folder_;
  const std::string tree_ = clock_folder_.File("clocks");
  SimulatedClocks files_{tree_};
  std::unique_ptr<ClockControl> control_;
  std::string before_;
};

TEST_F(JobClocksTest, AJobHasThemFromBeforeItsProcessToItsEndAndRecordsThem) {
  Start();
  const std::string run_id = device_.Submit("op_us 100", Pinned(1'000'000));
  device_.news.WaitForPhase(run_id, v1::PHASE_MEASURE);
  const v1::ClockState held = control_->Describe();
  EXPECT_EQ(held.lease().holder(), "run " + run_id);
  EXPECT_EQ(held.policies(0).current_khz(), 1224000);
  ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
  EXPECT_EQ(device_.WaitForEnd(run_id).state(), v1::JOB_STATE_CANCELLED);
  ExpectPutBack();
  const RunData data = device_.Records(run_id);
  ASSERT_NE(data.clocks(), nullptr);
  EXPECT_TRUE(data.clocks()->simulated());
  EXPECT_EQ(data.clocks()->asked().governor(), "userspace");
  for (const v1::ClockSetting& setting : data.clocks()->settings()) {
    EXPECT_EQ(setting.asked(), setting.obtained()) << setting.control();
  }
  EXPECT_THAT(Codes(data), Not(Contains("clocks_left")));
}

TEST_F(JobClocksTest, AnEngineThatDiesLeavesNothingHeld) {
  Start();
  EXPECT_EQ(device_.Run("crash 11", Pinned()).state(), v1::JOB_STATE_FAILED);
  ExpectPutBack();
  EXPECT_EQ(device_.Run("crash_early 1", Pinned()).state(), v1::JOB_STATE_FAILED)
      << "before anything is recorded";
  ExpectPutBack();
}

TEST_F(JobClocksTest, AJobFailsWithTheHolderWhereTheClocksAreTaken) {
  auto hold = control_->Take(Pinned().clocks(), "ann@lab");
  ASSERT_TRUE(hold.ok()) << hold.status();
  Start();
  const v1::JobStatus job = device_.Run("op_us 100", Pinned());
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), HasSubstr("held by ann@lab"));
  EXPECT_EQ(control_->Describe().lease().holder(), "ann@lab");
  hold->reset();
  ExpectPutBack();
}

TEST_F(JobClocksTest, ARunUnderSomebodyElsesClocksSaysWhose) {
  Start();
  EXPECT_THAT(Codes(device_.Records(device_.Run("op_us 100").run_id())),
              Not(Contains("clocks_held")));
  auto hold = control_->Take(Pinned().clocks(), "ann@lab");
  ASSERT_TRUE(hold.ok()) << hold.status();
  const v1::JobStatus job = device_.Run("op_us 100");
  const RunData data = device_.Records(job.run_id());
  EXPECT_THAT(Codes(data), Contains("clocks_held"));
  EXPECT_THAT(std::vector(data.end()->reasons().begin(), data.end()->reasons().end()),
              Not(Contains(HasSubstr("ann@lab"))));
}

TEST_F(JobClocksTest, ClocksThatSomebodyTakesOrLetsGoOfMeanwhileMakeTheRunSuspect) {
  Start();
  std::unique_ptr<ClockHold> hold;
  for (const char* did : {"took", "let go of"}) {
    const std::string run_id = device_.Submit("op_us 100", MeasuringDevice::Spec(1'000'000));
    device_.news.WaitForPhase(run_id, v1::PHASE_MEASURE);
    if (hold == nullptr) {
      hold = control_->Take(Pinned().clocks(), "ann@lab").value();
    } else {
      hold.reset();
    }
    ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
    device_.WaitForEnd(run_id);
    const RunData data = device_.Records(run_id);
    EXPECT_NE(data.end()->verdict(), v1::VERDICT_VALID);
    EXPECT_THAT(std::vector(data.end()->reasons().begin(), data.end()->reasons().end()),
                Contains(HasSubstr(fmt::format("clock_moved: ann@lab {} the clocks", did))));
  }
}

// What it burns idle would be of other clocks than what it measures.
TEST_F(JobClocksTest, ClocksThatSomebodyTakesBeforeTheMeasuredPhaseMakeTheRunSuspect) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_warmup(5000);
  const std::string run_id = device_.Submit("op_us 100", spec);
  device_.news.WaitForPhase(run_id, v1::PHASE_WARMUP);
  const auto hold = control_->Take(Pinned().clocks(), "ann@lab");
  ASSERT_TRUE(hold.ok()) << hold.status();
  ASSERT_EQ(device_.WaitForEnd(run_id).state(), v1::JOB_STATE_DONE);
  const RunData data = device_.Records(run_id);
  EXPECT_NE(data.end()->verdict(), v1::VERDICT_VALID);
  EXPECT_THAT(std::vector(data.end()->reasons().begin(), data.end()->reasons().end()),
              Contains(HasSubstr("clock_moved: ann@lab took the clocks while this run")));
}

TEST_F(JobClocksTest, WhatSomebodyElseChangedMeanwhileIsLeftAndToldInTheRun) {
  Start();
  const std::string run_id = device_.Submit("op_us 100", Pinned(1'000'000));
  device_.news.WaitForPhase(run_id, v1::PHASE_MEASURE);
  const std::string governor =
      SimulatedSysfsRoot(tree_) + "/devices/system/cpu/cpufreq/policy0/scaling_governor";
  ASSERT_TRUE(files_.Write(governor, "ondemand").ok());
  ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
  device_.WaitForEnd(run_id);
  EXPECT_THAT(Codes(device_.Records(run_id)), Contains("clocks_left"));
  EXPECT_EQ(*files_.Read(governor), "ondemand");
}

TEST_F(JobClocksTest, AFixedClockThatMovesIsAnEventAndOneNotice) {
  Start();
  const std::string run_id = device_.Submit("op_us 100", Pinned(1'000'000));
  device_.news.WaitForPhase(run_id, v1::PHASE_MEASURE);
  const std::string policy = SimulatedSysfsRoot(tree_) + "/devices/system/cpu/cpufreq/policy0/";
  ASSERT_TRUE(files_.Write(policy + "scaling_min_freq", "102000").ok());
  ASSERT_TRUE(files_.Write(policy + "scaling_max_freq", "102000").ok());
  while (device_.Records(run_id).clock_changes().empty()) std::this_thread::yield();
  ASSERT_TRUE(files_.Write(policy + "scaling_max_freq", "1224000").ok());
  while (device_.Records(run_id).clock_changes().size() < 2) std::this_thread::yield();
  ASSERT_TRUE(device_.queue().Cancel(run_id).ok());
  device_.WaitForEnd(run_id);
  const RunData data = device_.Records(run_id);
  EXPECT_EQ(data.clock_changes()[0].clock(), "policy0");
  EXPECT_EQ(data.clock_changes()[0].fixed_hz(), 1224000000);
  EXPECT_EQ(data.clock_changes()[0].seen_hz(), 102000000);
  EXPECT_EQ(data.clock_changes()[1].seen_hz(), 1224000000) << "it is back";
  const std::vector<std::string> codes = Codes(data);
  EXPECT_EQ(std::ranges::count(codes, "clock_moved"), 1);
}

TEST_F(JobClocksTest, ARunBeginsWithWhatTheBoardShows) {
  Start();
  const v1::JobStatus job = device_.Run("op_us 100");
  const RunData data = device_.Records(job.run_id());
  ASSERT_FALSE(data.conditions().empty());
  EXPECT_EQ(data.conditions()[0].frequencies_size(), 2);
  EXPECT_EQ(data.conditions()[0].temperatures_size(), 0) << "the simulated board has no such zone";
  EXPECT_TRUE(data.clock_changes().empty());
}

TEST_F(JobClocksTest, IdleBeforeAndAfterIsAsLongAsAskedFor) {
  Start();
  v1::JobSpec spec = MeasuringDevice::Spec();
  spec.set_idle_s(0.3);
  const v1::JobStatus job = device_.Run("op_us 100", spec);
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  const auto& phases = data.phases();
  EXPECT_GE(phases[1].at_ns() - phases[0].at_ns(), 300'000'000);
  EXPECT_GE(data.end()->end_ns() - phases.back().at_ns(), 300'000'000);
}

TEST_F(JobClocksTest, AJobThatAsksForNoneTouchesNone) {
  auto hold = control_->Take(Pinned().clocks(), "ann@lab");
  ASSERT_TRUE(hold.ok()) << hold.status();
  Start();
  const v1::JobStatus job = device_.Run("op_us 100");
  EXPECT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_EQ(device_.Records(job.run_id()).clocks(), nullptr);
}

}  // namespace
}  // namespace synergy
