#include "client/meter/meter_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/records/chunk.h"

namespace synergy {
namespace {

constexpr int64_t kMs = 1'000'000;

TEST(MeterLog, NumbersTheReadingsOfEachRail) {
  MeterLog log;
  for (int i = 0; i < 5; ++i) {
    log.Add(fmt::format("{},A,{}.5", i * kMs, i), i * kMs);
    if (i > 1) log.Add(fmt::format("{},B,-1e-6", i * kMs), i * kMs);
  }
  const std::vector<v1::Chunk> chunks = log.TakeChunks(1);
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_EQ(chunks[0].channel(), kFirstSensorChannel);
  EXPECT_EQ(chunks[0].count(), 5u);
  EXPECT_EQ(chunks[1].count(), 3u);
  const auto readings = DecodeReadingsUntrusted(chunks[0].data(), 5);
  ASSERT_TRUE(readings.ok());
  EXPECT_EQ((*readings)[3].begin_ns, 3 * kMs);
  EXPECT_EQ((*readings)[3].raw, 3'500'000);
  EXPECT_TRUE(log.TakeChunks(1).empty());
  log.Add("9000000,A,1", 9 * kMs);
  EXPECT_EQ(log.TakeChunks(1)[0].first_sequence(), 5u);
  EXPECT_EQ(log.Facts().rails(0).readings(), 6u);
}

TEST(MeterLog, KeepsSmallAmountsWaiting) {
  MeterLog log;
  log.Add("1,A,1", 1);
  EXPECT_TRUE(log.TakeChunks(2).empty());
  EXPECT_EQ(log.TakeChunks(1).size(), 1u);
}

TEST(MeterLog, CountsWhatIsNoReadingAndKeepsTheFirstFault) {
  MeterLog log;
  log.Add("hello", 1);
  log.Add("1,A,nan", 2);
  log.Add("5,A,1", 3);
  log.Add("5,A,2", 4);
  EXPECT_EQ(log.bad_lines(), 3u);
  EXPECT_NE(log.first_bad_line().find("hello"), std::string::npos);
  EXPECT_EQ(log.readings(), 1u);
}

TEST(MeterLog, TakesNoMoreRailsThanItHasRoomFor) {
  MeterLog log;
  for (int i = 0; i < 100; ++i) log.Add(fmt::format("1,R{},1", i), 1);
  EXPECT_EQ(log.Facts().rails_size(), static_cast<int>(kMostMeterRails));
  EXPECT_EQ(log.bad_lines(), 100 - kMostMeterRails);
}

TEST(MeterLog, TakesReadingsThatGoBackAndCountsThem) {
  MeterLog log;
  for (const int64_t at : {10, 20, 15, 30}) log.Add(fmt::format("{},A,1", at), at);
  EXPECT_EQ(log.readings(), 4u);
  EXPECT_EQ(log.Facts().backward(), 1u);
}

TEST(MeterLog, SaysWhenNothingCame) {
  MeterLog log;
  for (int i = 0; i < 100; ++i) {
    const int64_t at = i * 10 * kMs + (i >= 50 ? 3'000 * kMs : 0);
    log.Add(fmt::format("{},A,1", at), at);
  }
  const v1::MeterRecord facts = log.Facts();
  ASSERT_EQ(facts.silences_size(), 1);
  EXPECT_EQ(facts.silences(0).begin_ns(), 490 * kMs);
  EXPECT_EQ(facts.silences(0).end_ns(), 3'500 * kMs);
  EXPECT_EQ(facts.jumps_size(), 0) << "missing readings are no jump";
}

TEST(MeterLog, SaysWhereEachRailWasWhenTheClockJumped) {
  MeterLog log;
  for (int i = 0; i < 2000; ++i) {
    const int64_t at = i * kMs;
    const int64_t stamp = at + (i >= 1200 ? 50 * kMs : 0);
    log.Add(fmt::format("{},A,1", stamp), at + 300'000);
    if (i % 2 == 0) log.Add(fmt::format("{},B,1", stamp), at + 300'000);
  }
  const v1::MeterRecord facts = log.Facts();
  ASSERT_EQ(facts.jumps_size(), 1);
  EXPECT_EQ(facts.jumps(0).step_ns(), 50 * kMs);
  ASSERT_EQ(facts.jumps(0).first_reading_size(), 2);
  EXPECT_EQ(facts.jumps(0).first_reading(0), 1200u);
  EXPECT_EQ(facts.jumps(0).first_reading(1), 600u);
}

}  // namespace
}  // namespace synergy
