#include "daemon/sampling/record_batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/records/chunk.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr uint32_t kA = kFirstSensorChannel, kB = kFirstSensorChannel + 1;

Reading At(int64_t ns) { return {ns, ns, 1, Freshness::kFresh}; }

v1::Gap MissedGap(int64_t begin_ns, int64_t end_ns, uint64_t count) {
  v1::Gap gap;
  gap.set_cause(v1::Gap::CAUSE_MISSED_TICK);
  gap.set_begin_ns(begin_ns);
  gap.set_end_ns(end_ns);
  gap.set_count(count);
  return gap;
}

const v1::Gap& GapOf(const Batch& batch) {
  return std::get<std::vector<v1::RunRecord>>(batch.records).front().gap();
}

TEST(RecordBatcher, ClosesABatchOfFiveHundredAndTwelve) {
  RecordBatcher batcher(2, 1, 0);
  for (int i = 0; i < 511; ++i) batcher.AddReading(kA, At(i));
  EXPECT_TRUE(batcher.TakeReady().empty());
  batcher.AddReading(kA, At(511));
  const std::vector<Batch> ready = batcher.TakeReady();
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].channel, kA);
  EXPECT_EQ(ready[0].count(), 512u);
  EXPECT_EQ(ready[0].first_sequence, 0u);
  batcher.AddReading(kA, At(512));
  EXPECT_EQ(batcher.TakeAll()[0].first_sequence, 512u);
}

TEST(RecordBatcher, ClosesEveryChannelsBatchAfterAHundredMillisecondsOfReadings) {
  RecordBatcher batcher(2, 1, 0);
  batcher.AddReading(kA, At(10 * kMillisecond));
  batcher.AddMarker(OperatorMarker(0, 0, 1, 2));
  batcher.AddReading(kB, At(50 * kMillisecond));
  batcher.AddReading(kB, At(109 * kMillisecond));
  EXPECT_TRUE(batcher.TakeReady().empty());
  batcher.AddReading(kB, At(110 * kMillisecond));
  const std::vector<Batch> ready = batcher.TakeReady();
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[0].channel, kMarkersChannel);
  EXPECT_EQ(ready[1].channel, kA);
  EXPECT_EQ(batcher.TakeAll()[0].count(), 3u);
}

TEST(RecordBatcher, AStampInAMarkerMovesNoTime) {
  RecordBatcher batcher(1, 1, 0);
  batcher.AddReading(kA, At(kMillisecond));
  batcher.AddMarker(OperatorMarker(0, 0, 1, int64_t{1} << 60));
  EXPECT_TRUE(batcher.TakeReady().empty());
  EXPECT_EQ(batcher.now_ns(), kMillisecond);
}

TEST(RecordBatcher, SplitsManyMarkersSoThatNoChunkIsTooLong) {
  RecordBatcher batcher(0, 0, 0);
  for (uint32_t i = 0; i < 2000; ++i) batcher.AddMarker(OperatorMarker(i, 0, i, i + 1));
  const std::vector<Batch> all = batcher.TakeAll();
  ASSERT_EQ(all.size(), 4u);
  uint64_t next = 0;
  for (const Batch& batch : all) {
    EXPECT_LE(batch.count(), 512u);
    EXPECT_EQ(batch.first_sequence, next);
    next += batch.count();
  }
  EXPECT_EQ(next, 2000u);
}

TEST(RecordBatcher, ARunRecordIsReadyAtOnceAndNumberedBehindThoseWrittenBefore) {
  RecordBatcher batcher(1, 1, 1);
  batcher.AddRecord(v1::RunRecord());
  batcher.AddRecord(v1::RunRecord());
  const std::vector<Batch> ready = batcher.TakeReady();
  ASSERT_EQ(ready.size(), 2u);
  EXPECT_EQ(ready[0].first_sequence, 1u);
  EXPECT_EQ(ready[1].first_sequence, 2u);
}

TEST(RecordBatcher, JoinsGapsOfOneCauseThatBeginWithinAHundredMilliseconds) {
  RecordBatcher batcher(1, 2, 0);
  for (int i = 0; i < 100; ++i) {
    batcher.AddGap(0, MissedGap(2 * i * kMillisecond, (2 * i + 1) * kMillisecond, 1));
  }
  batcher.AddGap(1, MissedGap(0, 200 * kMillisecond, 7));
  std::vector<Batch> all = batcher.TakeAll();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(GapOf(all[0]).count(), 50u);
  EXPECT_EQ(GapOf(all[0]).begin_ns(), 0);
  EXPECT_EQ(GapOf(all[0]).end_ns(), 99 * kMillisecond);
  EXPECT_EQ(GapOf(all[1]).count(), 50u);
  EXPECT_EQ(GapOf(all[2]).count(), 7u);
}

TEST(RecordBatcher, KeepsGapsApartThatHaveDifferentReasons) {
  RecordBatcher batcher(1, 1, 0);
  v1::Gap failed = MissedGap(1, 2, 1);
  failed.set_cause(v1::Gap::CAUSE_READ_FAILED);
  failed.set_detail("bus busy");
  batcher.AddGap(0, failed);
  batcher.AddGap(0, MissedGap(2, 3, 1));
  failed.set_detail("the source was given up");
  batcher.AddGap(0, failed);
  EXPECT_EQ(batcher.TakeAll().size(), 3u);
}

}  // namespace
}  // namespace synergy
