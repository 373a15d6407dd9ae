// Jobs whose events are counted, with a real process, the fake engine and a fake kernel's counters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/run_codes.h"
#include "tests/daemon/counters/fake_perf.h"
#include "tests/daemon/jobs/job_runner_fixture.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class JobCountersTest : public JobRunnerTest {
 protected:
  JobCountersTest() { device_.perf = &kernel_; }

  static v1::JobSpec Counting(const std::vector<std::string>& events, bool optional = false) {
    v1::JobSpec spec = MeasuringDevice::Spec(6);
    spec.mutable_events()->Assign(events.begin(), events.end());
    spec.set_events_optional(optional);
    return spec;
  }
  static std::string NoticeText(const RunData& data) {
    for (const v1::Notice& notice : data.notices()) {
      if (notice.code() == CodeName(NoticeCode::kNotCounted)) return notice.text();
    }
    return "";
  }

  FakePerf kernel_;
};

TEST_F(JobCountersTest, EachOperatorOfEachIterationHasItsCounts) {
  Start();
  const v1::JobStatus job = device_.Run("operators 3", Counting({"r1", "r2"}));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  ASSERT_NE(data.counted(), nullptr);
  EXPECT_EQ(data.counted()->groups(), 1u);
  ASSERT_EQ(data.counted()->events_size(), 2);
  EXPECT_EQ(data.counted()->events(1).name(), "r2");
  EXPECT_EQ(data.counted()->events(1).code(), "config=0x2");
  EXPECT_EQ(data.counted()->events(1).empty_count(), 2);
  EXPECT_EQ(data.counted()->counted_marker_s(), 1e-6);
  EXPECT_EQ(data.counts().size(), 6u);
  for (const auto& [op_and_event, totals] : data.counts()) {
    EXPECT_EQ(totals.executions, 6u);
    EXPECT_EQ(totals.sum, 600.0 * (op_and_event.second + 1));
  }
  EXPECT_EQ(Executions(data, v1::PHASE_MEASURE), 18u) << "counts are no markers";
  EXPECT_EQ(data.end()->markers(), data.markers().size());
  EXPECT_THAT(Codes(data), Not(Contains("not_counted")));
}

TEST_F(JobCountersTest, MoreEventsThanCountersAreCountedByTurns) {
  kernel_.counters = 2;
  Start();
  const v1::JobStatus job = device_.Run("operators 3", Counting({"r1", "r2", "r3"}));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_EQ(data.counted()->groups(), 2u);
  EXPECT_EQ(data.counted()->events(2).group(), 1u);
  EXPECT_EQ(data.counts().at({0, 1}).executions, 3u) << "iterations 0, 2 and 4";
  EXPECT_EQ(data.counts().at({0, 2}).executions, 3u);
}

TEST_F(JobCountersTest, WhatCannotBeCountedIsRefusedBeforeAnythingRuns) {
  kernel_.refused[2] = ENOENT;
  Start();
  const v1::JobStatus job = device_.Run("operators 3", Counting({"r1", "r2"}));
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), AllOf(HasSubstr("r2 cannot be counted: this kernel sees no such"),
                                 HasSubstr("--events-optional measures without")));
  EXPECT_TRUE(device_.Records(job.run_id()).phases().empty()) << "it has an end alone";
  const v1::JobStatus unknown = device_.Run("operators 3", Counting({"no-such"}));
  EXPECT_THAT(unknown.error(), HasSubstr("no event no-such can be counted here"));
}

TEST_F(JobCountersTest, WhatIsKnownBeforehandNotToBeCountedIsNoJob) {
  kernel_.refused[2] = ENOENT;
  RunnerParts parts;
  parts.perf = &kernel_;
  parts.cpus = AvailableCpus();
  device_.queue_options.check_events = [parts](const v1::JobSpec& spec) {
    return RunSession::CheckEvents(parts, spec);
  };
  Start();
  const auto submit = [&](const v1::JobSpec& spec) {
    return device_.queue().Submit(spec, MemoryFile("operators 3"), MemoryFile("")).status();
  };
  EXPECT_THAT(submit(Counting({"r1", "r2"})).ToString(),
              AllOf(HasSubstr("FAILED_PRECONDITION: r2 cannot be counted"),
                    HasSubstr("--events-optional measures without")));
  EXPECT_THAT(submit(Counting({"no-such"})).ToString(), HasSubstr("INVALID_ARGUMENT: no event"));
  EXPECT_TRUE(device_.news.news().empty());
  EXPECT_EQ(device_.Run("operators 3", Counting({"r1", "r2"}, true)).state(), v1::JOB_STATE_DONE);
}

TEST_F(JobCountersTest, OptionalEventsAreLeftOutAndTheRunSaysSo) {
  kernel_.refused[2] = EACCES;
  Start();
  const v1::JobStatus job = device_.Run("operators 3", Counting({"r1", "r2"}, true));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  EXPECT_EQ(data.counted(), nullptr);
  EXPECT_THAT(NoticeText(data),
              AllOf(HasSubstr("r2 may not be counted"), HasSubstr("perf_event_paranoid")));
}

TEST_F(JobCountersTest, AnOlderEngineCountsNothing) {
  Start();
  EXPECT_THAT(device_.Run("operators 3 old_version 4", Counting({"r1"})).error(),
              HasSubstr("which has no counted events"));
  const v1::JobStatus job = device_.Run("operators 3 old_version 4", Counting({"r1"}, true));
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  EXPECT_THAT(NoticeText(device_.Records(job.run_id())), HasSubstr("is older than counting"));
}

TEST_F(JobCountersTest, CountsThatCannotBeTrueEndTheJob) {
  Start();
  const v1::JobStatus job = device_.Run("operators 3 garbage_count 1", Counting({"r1"}));
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_THAT(job.error(), HasSubstr("a count of event 7 where 1 are counted"));
}

}  // namespace
}  // namespace synergy
