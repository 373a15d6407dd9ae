#include "daemon/power/executions.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "daemon/power/truth_log.h"

namespace synergy::sim {
namespace {

constexpr size_t kTx1Rails = 3;

constexpr uint8_t kMeasure = v1::PHASE_MEASURE;

Marker MakeMarker(uint32_t op, int64_t begin_ns, int64_t end_ns, uint16_t thread = 0) {
  return {begin_ns, end_ns, op, 0, thread, 0, kMeasure, 0};
}
CurrentOperator Slot(uint32_t op, int64_t begin_ns, uint16_t thread = 0) {
  return {op, 0, thread, kMeasure, begin_ns};
}

// Feeds snapshots into executions and writes down what ran when: "5-9:1,2 9-10:".
class ExecutionsTest : public testing::Test {
 protected:
  void Tell(std::vector<Marker> completed, std::vector<CurrentOperator> running, int64_t as_of_ns,
            int64_t now_ns = 1'000'000) {
    const ActivityFeed::Snapshot snapshot{{as_of_ns}, std::move(completed), std::move(running)};
    executions_.Take(snapshot, {known_ns_}, {now_ns}, [&](Execution& e, MonotonicTime end) {
      late_.emplace_back(e.op, std::pair(e.begin_ns, end.ns));
    });
    executions_.Sweep(
        {known_ns_}, {as_of_ns},
        [&](MonotonicTime end, std::span<Execution* const> running_now) {
          timeline_ += std::to_string(known_ns_) + "-" + std::to_string(end.ns) + ":";
          for (const Execution* e : running_now) timeline_ += std::to_string(e->op) + ",";
          timeline_ += " ";
          known_ns_ = end.ns;
        },
        [&](const Execution& e) { ended_.push_back(e); });
  }

  int64_t known_ns_ = 0;
  Executions executions_;
  std::string timeline_;
  std::vector<Execution> ended_;
  std::vector<std::pair<uint32_t, std::pair<int64_t, int64_t>>> late_;
};

TEST_F(ExecutionsTest, CutsTimeWhereOperatorsBeginAndEnd) {
  Tell({MakeMarker(1, 10, 20), MakeMarker(2, 22, 30)}, {Slot(kOpNone, 30)}, 40);
  EXPECT_EQ(timeline_, "0-10: 10-20:1, 20-22: 22-30:2, 30-40: ");
  ASSERT_EQ(ended_.size(), 2u);
  EXPECT_EQ(ended_[1].op, 2u);
}

TEST_F(ExecutionsTest, KnowsAnOperatorInFlightFromItsSlot) {
  Tell({}, {Slot(1, 10)}, 15);
  Tell({}, {Slot(1, 10)}, 18);
  Tell({MakeMarker(1, 10, 20)}, {Slot(2, 21)}, 25);
  EXPECT_EQ(timeline_, "0-10: 10-15:1, 15-18:1, 18-20:1, 20-21: 21-25:2, ");
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_TRUE(late_.empty());
}

TEST_F(ExecutionsTest, TakesAnOperatorThatIsToldTwiceOnce) {
  Tell({MakeMarker(1, 10, 20)}, {Slot(1, 10)}, 15,
       25);  // ended between the slot's and the ring's read
  Tell({}, {Slot(kOpNone, 20)}, 30);
  EXPECT_EQ(timeline_, "0-10: 10-15:1, 15-20:1, 20-30: ");
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_F(ExecutionsTest, ThreadsOverlap) {
  Tell({MakeMarker(1, 10, 20, 0), MakeMarker(2, 15, 25, 1)}, {}, 30);
  EXPECT_EQ(timeline_, "0-10: 10-15:1, 15-20:1,2, 20-25:2, 25-30: ");
}

TEST_F(ExecutionsTest, AMarkerMayComeAfterItsSlotWasCleared) {
  Tell({}, {Slot(1, 10)}, 15);
  Tell({}, {Slot(kOpNone, 20)}, 25);  // preempted between the slot and the ring
  Tell({MakeMarker(1, 10, 20)}, {Slot(kOpNone, 20)}, 35);
  EXPECT_EQ(timeline_, "0-10: 10-15:1, 15-20:1, 20-25: 25-35: ");
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].marker_end_ns, 20);
  EXPECT_TRUE(late_.empty());
}

TEST_F(ExecutionsTest, AMarkerThatNeverComesIsForgotten) {
  Tell({}, {Slot(1, 10)}, 15);
  Tell({}, {Slot(2, 22)}, 25);  // the ring was full
  EXPECT_EQ(timeline_, "0-10: 10-15:1, 15-22:1, 22-25:2, ");
  Tell({MakeMarker(2, 22, 30)}, {Slot(kOpNone, 30)}, 2'000'000'000, 2'000'000'000);
  Tell({MakeMarker(1, 10, 20)}, {}, 2'000'000'010, 2'000'000'010);
  ASSERT_EQ(ended_.size(), 2u);
  EXPECT_EQ(late_.size(), 1u) << "a second later it is news";
}

TEST_F(ExecutionsTest, AThreadThatIsGoneRunsNothing) {
  Tell({}, {Slot(1, 10)}, 15);
  Tell({}, {}, 25);
  EXPECT_EQ(timeline_, "0-10: 10-15:1, 15-25: ");
}

TEST_F(ExecutionsTest, WhatIsToldTooLateDoesNotChangeThePast) {
  Tell({}, {Slot(kOpNone, 0)}, 30);
  Tell({MakeMarker(1, 10, 40)}, {Slot(kOpNone, 40)}, 50);
  EXPECT_EQ(timeline_, "0-30: 30-40:1, 40-50: ");
  ASSERT_EQ(late_.size(), 1u);
  EXPECT_EQ(late_[0].second, (std::pair<int64_t, int64_t>(10, 30)));
}

TEST_F(ExecutionsTest, IgnoresWhatCannotBe) {
  Tell({MakeMarker(1, 30, 20), MakeMarker(2, 10, 90'000'000), MakeMarker(kOpNet, 0, 30),
        MakeMarker(kOpClock, 0, 30), MakeMarker(kOpNone, 0, 30)},
       {Slot(kOpNet, 5), Slot(3, 90'000'000, 1)}, 40);
  EXPECT_EQ(timeline_, "0-40: ");
  EXPECT_TRUE(ended_.empty());
}

TEST_F(ExecutionsTest, SetupRunsToo) {
  Tell({MakeMarker(kOpLoad, 0, 10)}, {Slot(kOpInit, 12)}, 20);
  EXPECT_EQ(timeline_, "0-10:4294967294, 10-12: 12-20:4294967293, ");
}

// --- the truth

Execution MakeExecution(uint32_t op, int64_t begin_ns, int64_t end_ns, uint8_t phase = kMeasure) {
  return {.op = op,
          .phase = phase,
          .has_marker = true,
          .begin_ns = begin_ns,
          .end_ns = end_ns,
          .marker_end_ns = end_ns};
}

TEST(TruthLog, CoversTheMeasuredPhaseFromItsFirstOperatorToItsLast) {
  TruthLog log;
  Execution warm = MakeExecution(0, 0, 10, v1::PHASE_WARMUP);
  Execution first = MakeExecution(0, 20, 30), second = MakeExecution(1, 40, 50);
  Execution *warm_p = &warm, *first_p = &first, *second_p = &second;
  log.OnPiece({1, 1, 1}, {&warm_p, 1});
  log.OnEnded(warm);
  log.OnPiece({2, 2, 2}, {});
  log.OnPiece({4, 4, 4}, {&first_p, 1});
  log.OnEnded(first);
  log.OnPiece({8, 8, 8}, {});
  log.OnPiece({16, 16, 16}, {&second_p, 1});
  log.OnEnded(second);
  log.OnPiece({32, 32, 32}, {});
  const v1::RunTruth truth = log.Take(kTx1Rails);
  EXPECT_EQ(truth.begin_ns(), 20);
  EXPECT_EQ(truth.end_ns(), 50);
  EXPECT_EQ(truth.energy_j(0), 4 + 8 + 16);
  EXPECT_EQ(truth.idle_j(0), 8);
  ASSERT_EQ(truth.operators_size(), 2);
  EXPECT_EQ(truth.operators(0).energy_j(2), 4);
  EXPECT_EQ(truth.operators(1).op(), 1u);
  EXPECT_EQ(truth.operators(1).begin_ns(), 40);
  EXPECT_EQ(log.Take(kTx1Rails).operators_size(), 0) << "a log is taken once";
}

TEST(TruthLog, DoesNotCountAnOperatorThatNeverEnds) {
  TruthLog log;
  Execution first = MakeExecution(0, 20, 30), cut = MakeExecution(1, 40, 50);
  Execution *first_p = &first, *cut_p = &cut;
  log.OnPiece({4, 4, 4}, {&first_p, 1});
  log.OnEnded(first);
  log.OnPiece({8, 8, 8}, {});
  log.OnPiece({16, 16, 16}, {&cut_p, 1});
  const v1::RunTruth truth = log.Take(kTx1Rails);
  EXPECT_EQ(truth.energy_j(0), 4);
  EXPECT_EQ(truth.idle_j(0), 0);
  EXPECT_EQ(truth.end_ns(), 30);
}

TEST(TruthLog, SharesOverlapsEqually) {
  TruthLog log;
  Execution a = MakeExecution(0, 0, 10), b = MakeExecution(1, 0, 10);
  Execution* both[] = {&a, &b};
  log.OnPiece({3, 1, 2}, both);
  log.OnEnded(a);
  log.OnEnded(b);
  const v1::RunTruth truth = log.Take(kTx1Rails);
  EXPECT_EQ(truth.operators(0).energy_j(0), 1.5);
  EXPECT_EQ(truth.operators(1).energy_j(0), 1.5);
  EXPECT_EQ(truth.energy_j(0), 3);
}

TEST(TruthLog, WhatWasToldLateTakesFromIdle) {
  TruthLog log;
  Execution a = MakeExecution(0, 0, 10), late = MakeExecution(1, 12, 18);
  Execution* a_p = &a;
  log.OnPiece({1, 1, 1}, {&a_p, 1});
  log.OnPiece({4, 4, 4}, {});
  log.OnLate(late, {3, 3, 3});
  log.OnEnded(a);
  log.OnEnded(late);
  const v1::RunTruth truth = log.Take(kTx1Rails);
  EXPECT_EQ(truth.operators(1).energy_j(0), 3);
  EXPECT_EQ(truth.operators(0).energy_j(0) + truth.operators(1).energy_j(0) + truth.idle_j(0),
            truth.energy_j(0));
}

TEST(TruthLog, ListsAsManyExecutionsAsItMayAndCountsTheRest) {
  TruthLog log;
  constexpr int64_t kEnded = TruthLog::kMaxExecutions + 3;
  for (int64_t i = 0; i < kEnded; ++i) {
    Execution e = MakeExecution(0, 10 * i, 10 * i + 10);
    Execution* running = &e;
    log.OnPiece({1, 1, 1}, {&running, 1});
    log.OnEnded(e);
  }
  const v1::RunTruth truth = log.Take(kTx1Rails);
  EXPECT_EQ(truth.operators_size(), TruthLog::kMaxExecutions);
  EXPECT_EQ(truth.omitted(), 3u);
  EXPECT_EQ(truth.energy_j(0), kEnded) << "totals have them all";
}

}  // namespace
}  // namespace synergy::sim
