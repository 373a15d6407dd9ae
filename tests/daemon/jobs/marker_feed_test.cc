#include "daemon/jobs/marker_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/marker_ring_writer.h"
#include "common/unique_fd.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr RingGeometry kGeometry{.lanes = 2, .capacity = 16};

constexpr uint32_t kIterations = 20;

class MarkerFeedTest : public testing::Test {
 protected:
  MarkerFeedTest()
      : ring_(CreateMarkerRingInFolder(kGeometry, "/dev/shm").value()),
        writer_(MarkerRingWriter::Map(ring_.get()).value()),
        lane_(writer_.Claim()),
        feed_(ring_.get(), kGeometry, clock_.Now(), true, clock_) {
    feed_.AllowSetup();
    feed_.SetOperatorCount(3);
    feed_.AllowIterations(v1::PHASE_MEASURE, kIterations);
  }

  int64_t Now() { return clock_.Now().ns; }
  void RunOperator(uint32_t op, uint32_t iteration = 0) {
    lane_.Begin(op, iteration, v1::PHASE_MEASURE, Now());
    clock_.Advance(Microseconds(10));
    lane_.End(Now());
  }
  Marker Plausible() {
    return {.begin_ns = Now(),
            .end_ns = Now(),
            .op = 0,
            .iteration = 0,
            .thread = 0,
            .device = 0,
            .phase = v1::PHASE_MEASURE,
            .event = 0};
  }
  // What the feed says of a marker that no honest engine writes.
  std::string Complaint(const Marker& marker) {
    lane_.Write(marker);
    std::vector<Marker> markers;
    const MarkerFeed::Activity activity = feed_.Drain(&markers);
    EXPECT_THAT(markers, IsEmpty());
    EXPECT_EQ(activity.garbage, 1u);
    EXPECT_EQ(activity.markers, 0u);
    return activity.first_garbage;
  }

  FakeClock clock_;
  UniqueFd ring_;
  MarkerRingWriter writer_;
  MarkerLane lane_;
  MarkerFeed feed_;
};

TEST_F(MarkerFeedTest, GivesEveryMarkerOnceToRecorderAndSimulation) {
  RunOperator(0);
  ActivityFeed::Snapshot snapshot;
  feed_.Poll(&snapshot);
  EXPECT_THAT(snapshot.completed, ElementsAre(Field(&Marker::op, 0u)));
  RunOperator(1);
  std::vector<Marker> markers;
  EXPECT_EQ(feed_.Drain(&markers).markers, 2u);
  EXPECT_THAT(markers, ElementsAre(Field(&Marker::op, 0u), Field(&Marker::op, 1u)));
  feed_.Poll(&snapshot);
  EXPECT_THAT(snapshot.completed, ElementsAre(Field(&Marker::op, 1u)));
  feed_.Drain(&markers);
  EXPECT_THAT(markers, IsEmpty());
}

TEST_F(MarkerFeedTest, CountsAreNoMarkersAndAreGivenOnce) {
  feed_.AllowCounts(2);
  RunOperator(1, 4);
  Marker count = lane_.current();
  count.begin_ns = 0;
  for (const uint32_t event : {1u, 2u}) {
    count.event = event;
    count.end_ns = 1000 * event;
    lane_.Write(count);
  }
  std::vector<Marker> markers;
  EXPECT_EQ(feed_.Drain(&markers).markers, 1u);
  EXPECT_THAT(markers, SizeIs(1));
  const std::vector<v1::EventCounts> counts = feed_.TakeCounts();
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_THAT(counts[0].iteration(), ElementsAre(4u, 4u));
  EXPECT_THAT(counts[0].op(), ElementsAre(1u, 1u));
  EXPECT_THAT(counts[0].event(), ElementsAre(0u, 1u));
  EXPECT_THAT(counts[0].count(), ElementsAre(1000u, 2000u));
  EXPECT_TRUE(feed_.TakeCounts().empty());
}

TEST_F(MarkerFeedTest, CountsThatNobodyAskedForAreGarbage) {
  Marker count = Plausible();
  count.event = 1;
  EXPECT_THAT(Complaint(count), HasSubstr("a count of event 0 where 0 are counted"));
}

TEST_F(MarkerFeedTest, ACountComesOnceAndBehindItsOperator) {
  feed_.AllowCounts(2);
  Marker count = Plausible();
  count.event = 1;
  EXPECT_THAT(Complaint(count), HasSubstr("not the last operator's"));
  RunOperator(0);
  lane_.Write(count);
  lane_.Write(count);
  std::vector<Marker> markers;
  EXPECT_EQ(feed_.Drain(&markers).garbage, 2u) << "the first, and the second of two alike";
}

TEST_F(MarkerFeedTest, ShowsWhatRunsAndSinceWhen) {
  RunOperator(0);
  lane_.Begin(2, 1, v1::PHASE_MEASURE, Now());
  clock_.Advance(Microseconds(5));
  ActivityFeed::Snapshot snapshot;
  feed_.Poll(&snapshot);
  EXPECT_EQ(snapshot.as_of, clock_.Now());
  ASSERT_THAT(snapshot.running, SizeIs(1));
  EXPECT_EQ(snapshot.running[0].op, 2u);
  std::vector<Marker> markers;
  const MarkerFeed::Activity activity = feed_.Drain(&markers);
  ASSERT_TRUE(activity.current.has_value());
  EXPECT_EQ(activity.current->op, 2u);
  EXPECT_EQ(activity.current->iteration, 1u);
  EXPECT_EQ(activity.measured, 1u);
}

TEST_F(MarkerFeedTest, TheSimulationGetsNoIterationsAndNoCalibrations) {
  Marker marker = Plausible();
  marker.op = kOpNet;
  lane_.Write(marker);
  marker.op = kOpClock;
  lane_.Write(marker);
  marker.op = kOpLoad;
  marker.phase = v1::PHASE_SETUP;
  lane_.Write(marker);
  ActivityFeed::Snapshot snapshot;
  feed_.Poll(&snapshot);
  EXPECT_THAT(snapshot.completed, ElementsAre(Field(&Marker::op, kOpLoad)));
  std::vector<Marker> markers;
  EXPECT_EQ(feed_.Drain(&markers).garbage, 0u);
  EXPECT_THAT(markers, SizeIs(3));
}

TEST_F(MarkerFeedTest, TheWorstCalibrationIsKept) {
  clock_.Advance(Microseconds(1000));
  for (const int64_t error_ns : {200, 45'000, 3'000}) {
    Marker marker = Plausible();
    marker.op = kOpClock;
    marker.begin_ns -= error_ns;
    lane_.Write(marker);
  }
  std::vector<Marker> markers;
  EXPECT_EQ(feed_.Drain(&markers).worst_clock_error_ns, 45'000);
}

TEST_F(MarkerFeedTest, AFullRingIsCountedAndNothingElseIsLost) {
  for (uint32_t i = 0; i < kIterations; ++i) RunOperator(0, i);
  std::vector<Marker> markers;
  const MarkerFeed::Activity activity = feed_.Drain(&markers);
  EXPECT_EQ(activity.dropped, 4u);
  EXPECT_THAT(markers, SizeIs(16));
  EXPECT_TRUE(activity.ring.ok());
  EXPECT_EQ(activity.garbage, 0u);
}

TEST_F(MarkerFeedTest, AnOperatorThatTheNetHasNotIsGarbage) {
  Marker marker = Plausible();
  marker.op = 3;
  EXPECT_THAT(Complaint(marker), HasSubstr("operator 3 of a net of 3"));
}

TEST_F(MarkerFeedTest, AnIterationThatNobodyAskedForIsGarbage) {
  Marker marker = Plausible();
  marker.iteration = 20;
  EXPECT_THAT(Complaint(marker), HasSubstr("iteration 20 where 20 were asked for"));
}

TEST_F(MarkerFeedTest, APhaseThatDoesNotFitIsGarbage) {
  Marker marker = Plausible();
  marker.phase = v1::PHASE_SETUP;
  EXPECT_THAT(Complaint(marker), HasSubstr("an operator in phase 2"));
}

TEST_F(MarkerFeedTest, ATimeBeforeTheJobIsGarbage) {
  Marker marker = Plausible();
  marker.begin_ns -= 1'000'000'000;
  EXPECT_THAT(Complaint(marker), HasSubstr("outside of the job's time"));
}

TEST_F(MarkerFeedTest, ATimeThatHasNotComeIsGarbage) {
  Marker marker = Plausible();
  marker.end_ns += 1'000'000'000;
  EXPECT_THAT(Complaint(marker), HasSubstr("outside of the job's time"));
}

TEST_F(MarkerFeedTest, ADeviceThatIsNotThereIsGarbage) {
  Marker marker = Plausible();
  marker.device = 3;
  EXPECT_THAT(Complaint(marker), HasSubstr("device 3"));
}

TEST_F(MarkerFeedTest, OperatorsOfALaneThatOverlapAreGarbage) {
  RunOperator(0);
  Marker marker = Plausible();
  marker.op = 1;
  marker.begin_ns -= 1;
  lane_.Write(marker);
  std::vector<Marker> markers;
  const MarkerFeed::Activity activity = feed_.Drain(&markers);
  EXPECT_THAT(activity.first_garbage, HasSubstr("begins 1 ns before the one ahead of it ended"));
  EXPECT_THAT(markers, SizeIs(1));
}

// The marker is garbage although the ones before it were not.
class MarkerFeedRepeatTest : public MarkerFeedTest {
 protected:
  std::string LastComplaint(const std::vector<Marker>& markers) {
    for (const Marker& marker : markers) lane_.Write(marker);
    std::vector<Marker> believed;
    const MarkerFeed::Activity activity = feed_.Drain(&believed);
    EXPECT_EQ(activity.garbage, 1u);
    EXPECT_THAT(believed, SizeIs(markers.size() - 1));
    return activity.first_garbage;
  }
};

TEST_F(MarkerFeedRepeatTest, AnOperatorRunsOnceInAnIteration) {
  const Marker first = Plausible();
  Marker next = first;
  next.iteration = 1;
  EXPECT_THAT(LastComplaint({first, next, next}), HasSubstr("operator 0 twice in iteration 1"));
}

TEST_F(MarkerFeedRepeatTest, IterationsNeverGoBack) {
  Marker later = Plausible();
  later.iteration = 1;
  Marker earlier = later;
  earlier.iteration = 0;
  earlier.op = 1;
  EXPECT_THAT(LastComplaint({later, earlier}), HasSubstr("iteration 0 after a later one"));
}

TEST_F(MarkerFeedRepeatTest, AnIterationEndsOnce) {
  Marker net = Plausible();
  net.op = kOpNet;
  EXPECT_THAT(LastComplaint({net, net}), HasSubstr("iteration 0 twice"));
}

TEST_F(MarkerFeedTest, CalibrationsWithoutEndAreGarbage) {
  Marker marker = Plausible();
  marker.op = kOpClock;
  std::vector<Marker> markers;
  for (uint64_t i = 0; i < MarkerCheck::kClocksPerSecond; ++i) {
    lane_.Write(marker);
    EXPECT_EQ(feed_.Drain(&markers).garbage, 0u);
  }
  lane_.Write(marker);
  EXPECT_THAT(feed_.Drain(&markers).first_garbage, HasSubstr("calibrations a second"));
  clock_.Advance(Seconds(1));
  lane_.Write(marker);
  EXPECT_EQ(feed_.Drain(&markers).garbage, 1u) << "another second, another hundred";
}

TEST_F(MarkerFeedTest, AnEndBeforeItsBeginMakesTheRingUnbelievable) {
  RunOperator(0);
  Marker marker = Plausible();
  marker.end_ns = marker.begin_ns - 1;
  lane_.Write(marker);
  RunOperator(1);
  std::vector<Marker> markers;
  MarkerFeed::Activity activity = feed_.Drain(&markers);
  EXPECT_EQ(activity.ring.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(markers, SizeIs(1)) << "what came before stays";
  activity = feed_.Drain(&markers);
  EXPECT_EQ(activity.ring.code(), absl::StatusCode::kDataLoss) << "for good";
  EXPECT_THAT(markers, IsEmpty());
}

TEST_F(MarkerFeedTest, ASlotWithGarbageIsNotShown) {
  lane_.Begin(99, 0, v1::PHASE_MEASURE, Now());
  ActivityFeed::Snapshot snapshot;
  feed_.Poll(&snapshot);
  EXPECT_THAT(snapshot.running, IsEmpty());
  std::vector<Marker> markers;
  EXPECT_THAT(feed_.Drain(&markers).first_garbage, HasSubstr("what the net does not have"));
}

TEST_F(MarkerFeedTest, ATruncatedRingIsAnErrorAndNoSignal) {
  RunOperator(0);
  ASSERT_EQ(ftruncate(ring_.get(), 0), 0);
  std::vector<Marker> markers;
  const MarkerFeed::Activity activity = feed_.Drain(&markers);
  EXPECT_EQ(activity.ring.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(activity.ring.ToString(), HasSubstr("truncated"));
  ActivityFeed::Snapshot snapshot;
  feed_.Poll(&snapshot);
  EXPECT_THAT(snapshot.completed, IsEmpty());
  EXPECT_THAT(snapshot.running, IsEmpty());
}

}  // namespace
}  // namespace synergy
