#include "daemon/sim/modelled_worker.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "common/iteration_pause.h"
#include "common/virtual_clock.h"
#include "synergy/v1/job.pb.h"

namespace synergy::sim {
namespace {

constexpr CpuUse kUse{.threads = 1, .cores = 4, .frequency_hz = 1e9};
constexpr int kOperators = 5;

v1::OperatorTable Table() {
  v1::OperatorTable table;
  for (int i = 0; i < kOperators; ++i) {
    v1::OperatorInfo& op = *table.add_operators();
    op.set_type("Conv");
    op.set_has_cost(true);
    op.set_macs(100'000 * (i + 1));
  }
  return table;
}

class ModelledWorkerTest : public testing::Test {
 protected:
  ModelledWorkerTest() {
    plan_.begin = clock_.Now() + Milliseconds(5);
    plan_.warmup = 2;
    plan_.iterations = 20;
    plan_.longest_pause = Milliseconds(1);
    plan_.seed = 9;
  }
  // All markers, taken every `step`.
  std::vector<Marker> Run(Nanoseconds step) {
    ModelledWorker worker(plan_, times_, clock_);
    std::vector<Marker> all;
    while (!worker.end()) {
      clock_.Advance(step);
      for (const Marker& m : worker.TakeMarkers()) {
        EXPECT_LE(m.end_ns, clock_.Now().ns) << "nothing of the future";
        all.push_back(m);
      }
    }
    end_ = *worker.end();
    return all;
  }

  VirtualClock clock_;
  OperatorTimes times_{Table(), kUse, 1};
  WorkPlan plan_;
  MonotonicTime end_;
};

TEST_F(ModelledWorkerTest, RunsSetupWarmupAndMeasuredIterationsInOrder) {
  const std::vector<Marker> markers = Run(Microseconds(100));
  ASSERT_EQ(markers.size(), 2u + 22u * (kOperators + 1));
  EXPECT_EQ(markers[0].op, kOpLoad);
  EXPECT_EQ(markers[0].begin_ns, plan_.begin.ns);
  EXPECT_EQ(markers[1].op, kOpInit);
  std::map<uint8_t, int> nets;
  for (const Marker& m : markers) nets[m.phase] += m.op == kOpNet ? 1 : 0;
  EXPECT_EQ(nets[v1::PHASE_WARMUP], 2);
  EXPECT_EQ(nets[v1::PHASE_MEASURE], 20);
  EXPECT_EQ(markers.back().op, kOpNet);
  EXPECT_EQ(markers.back().end_ns, end_.ns);
}

TEST_F(ModelledWorkerTest, RepeatsAnOperatorBehindTheIterations) {
  plan_.looped = 2;
  plan_.loop = Milliseconds(50);
  std::vector<Marker> before, looped;
  for (const Marker& m : Run(Microseconds(100))) {
    if (m.phase == v1::PHASE_LOOP) (m.op == 2 ? looped : before).push_back(m);
  }
  EXPECT_EQ(before.size(), 2u) << "those before it, once";
  ASSERT_GE(looped.size(), 2u);
  EXPECT_EQ(looped.front().iteration, 0u);
  for (size_t i = 1; i < looped.size(); ++i) {
    EXPECT_EQ(looped[i].begin_ns, looped[i - 1].end_ns);
    EXPECT_GT(looped[i].iteration, looped[i - 1].iteration);
    EXPECT_GE(looped[i].end_ns - looped[i].begin_ns, Milliseconds(1).count);
  }
  EXPECT_GE(looped.back().end_ns - before.front().begin_ns, Milliseconds(50).count);
  EXPECT_EQ(looped.back().end_ns, end_.ns);
}

TEST_F(ModelledWorkerTest, OperatorsFollowEachOtherWithinTheirIteration) {
  int64_t last_end = 0;
  int64_t first_begin = 0;
  for (const Marker& m : Run(Microseconds(100))) {
    if (m.op == kOpNet) {
      EXPECT_LE(m.begin_ns, first_begin);
      EXPECT_EQ(m.end_ns, last_end);
      continue;
    }
    EXPECT_GE(m.begin_ns, last_end);
    EXPECT_GT(m.end_ns, m.begin_ns);
    if (m.op == 0) first_begin = m.begin_ns;
    last_end = m.end_ns;
  }
}

// The record states the longest pause and the seed: whoever has them can state the pauses.
TEST_F(ModelledWorkerTest, EachMeasuredIterationBeginsAfterItsPause) {
  std::vector<Marker> nets;
  for (const Marker& m : Run(Microseconds(100))) {
    if (m.op == kOpNet) nets.push_back(m);
  }
  for (size_t i = 1; i < nets.size(); ++i) {
    const Nanoseconds rest{nets[i].begin_ns - nets[i - 1].end_ns};
    const bool measured = nets[i].phase == v1::PHASE_MEASURE;
    EXPECT_EQ(rest, measured ? PauseBefore(9, nets[i].iteration, Milliseconds(1)) : Nanoseconds{0});
  }
}

TEST_F(ModelledWorkerTest, WhatItDoesDoesNotDependOnWhenItIsAsked) {
  VirtualClock other_clock(clock_.Now());
  const std::vector<Marker> fine = Run(Microseconds(50));
  ModelledWorker other(plan_, times_, other_clock);
  std::vector<Marker> coarse;
  ActivityFeed::Snapshot snapshot;
  while (!other.end()) {
    other_clock.Advance(Microseconds(7300));
    other.Poll(&snapshot);
    for (const Marker& m : other.TakeMarkers()) coarse.push_back(m);
  }
  ASSERT_EQ(fine.size(), coarse.size());
  for (size_t i = 0; i < fine.size(); ++i) {
    EXPECT_EQ(fine[i].begin_ns, coarse[i].begin_ns);
    EXPECT_EQ(fine[i].end_ns, coarse[i].end_ns);
  }
}

TEST_F(ModelledWorkerTest, TheBoardSeesWhatHasEndedAndWhatRuns) {
  ModelledWorker worker(plan_, times_, clock_);
  ActivityFeed::Snapshot snapshot;
  worker.Poll(&snapshot);
  EXPECT_TRUE(snapshot.completed.empty());
  clock_.SleepUntil(plan_.begin + Milliseconds(1));
  worker.Poll(&snapshot);
  ASSERT_EQ(snapshot.running.size(), 1u);
  EXPECT_EQ(snapshot.running[0].op, kOpLoad);
  EXPECT_EQ(snapshot.running[0].begin_ns, plan_.begin.ns);
  clock_.SleepUntil(plan_.begin + plan_.load + Milliseconds(1));
  worker.Poll(&snapshot);
  ASSERT_EQ(snapshot.completed.size(), 1u);
  EXPECT_EQ(snapshot.completed[0].op, kOpLoad);
  EXPECT_EQ(snapshot.running[0].op, kOpInit);
  EXPECT_EQ(snapshot.as_of, clock_.Now());
}

}  // namespace
}  // namespace synergy::sim
