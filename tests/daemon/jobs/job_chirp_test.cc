// Load patterns around a job, with a real process and the simulated board.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/clock_comparison/chirp_search.h"
#include "tests/daemon/jobs/job_runner_fixture.h"

namespace synergy {
namespace {

class JobChirpTest : public JobRunnerTest {
 protected:
  static v1::JobSpec Spec() {
    v1::JobSpec spec = MeasuringDevice::Spec();
    spec.set_rate_hz(500);
    spec.mutable_load_chirp()->set_seed(17);
    spec.mutable_load_chirp()->set_chips(24);
    spec.mutable_load_chirp()->set_seconds_per_chip(0.02);
    return spec;
  }
  static int64_t Begin(const RunData& data, v1::Phase phase) {
    for (const v1::PhaseChange& change : data.phases()) {
      if (change.phase() == phase) return change.at_ns();
    }
    return 0;
  }
};

TEST_F(JobChirpTest, ArePlayedBeforeTheFirstWorkAndAfterTheLast) {
  Start();
  const v1::JobStatus job = device_.Run("operators 2 op_us 300", Spec());
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  ASSERT_EQ(data.chirps().size(), 2u);
  const v1::ChirpPlayed &before = data.chirps()[0], &after = data.chirps()[1];
  EXPECT_FALSE(before.after());
  EXPECT_TRUE(after.after());
  EXPECT_LT(before.edge_ns(before.edge_ns_size() - 1), Begin(data, v1::PHASE_SETUP));
  for (const Marker& marker : data.markers()) EXPECT_LT(marker.end_ns, after.edge_ns(0));
  EXPECT_EQ(before.chirp().seed(), 17u);
  EXPECT_EQ(before.threads(), 1u);
}

TEST_F(JobChirpTest, ShowInTheSimulatedBoardsPowerWhereTheyWerePlayed) {
  Start();
  const v1::JobStatus job = device_.Run("operators 2 op_us 300", Spec());
  ASSERT_EQ(job.state(), v1::JOB_STATE_DONE) << job.error();
  const RunData data = device_.Records(job.run_id());
  ASSERT_EQ(data.chirps().size(), 2u);
  for (const RailPower& rail : data.Power()) {
    if (rail.rail != "VDD_CPU") continue;
    for (const v1::ChirpPlayed& played : data.chirps()) {
      const auto match =
          FindChirp(played, rail.samples,
                    {.lowest_offset_ns = -60'000'000, .highest_offset_ns = 60'000'000, .drift = 0});
      ASSERT_TRUE(match.ok()) << match.status();
      EXPECT_NEAR(static_cast<double>(match->stamp_ns - match->device_ns), 0, 5e6);
      EXPECT_GT(match->step_w, 0.3);
    }
  }
}

TEST_F(JobChirpTest, AreNotPlayedForOthers) {
  Start();
  const v1::JobStatus job = device_.Run("operators 2 op_us 300");
  EXPECT_TRUE(device_.Records(job.run_id()).chirps().empty());
}

}  // namespace
}  // namespace synergy
