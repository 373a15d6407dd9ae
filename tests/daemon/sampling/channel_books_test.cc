#include "daemon/sampling/channel_books.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

v1::ChannelInfo Channel(uint32_t average = 1) {
  v1::ChannelInfo info;
  info.set_rail("VDD_IN");
  info.set_quantity(v1::ChannelInfo::QUANTITY_CURRENT);
  info.mutable_window()->set_slot_s(1e-3);
  info.mutable_window()->set_period_s(6.6e-3);
  info.mutable_window()->set_period_tolerance(0.1);
  info.mutable_window()->set_average(average);
  return info;
}

ChannelReading At(int64_t ms, int64_t raw, Freshness freshness) {
  return {.channel = 0,
          .reading = {.begin_ns = ms * 1'000'000,
                      .end_ns = ms * 1'000'000 + 1000,
                      .raw = raw,
                      .freshness = freshness}};
}

TEST(ChannelBooks, CountsWhatTheReadingsSay) {
  ChannelBooks books(Channel());
  for (int i = 0; i < 100; ++i) {
    books.OnReading(At(i, i / 2, i % 2 == 0 ? Freshness::kFresh : Freshness::kRepeat));
  }
  const v1::ChannelStats stats = books.Take(0.1);
  EXPECT_EQ(stats.rail(), "VDD_IN");
  EXPECT_EQ(stats.quantity(), v1::ChannelInfo::QUANTITY_CURRENT);
  EXPECT_DOUBLE_EQ(stats.achieved_hz(), 1000);
  EXPECT_DOUBLE_EQ(stats.fresh_hz(), 500);
  EXPECT_FALSE(stats.fresh_is_bound());
  EXPECT_DOUBLE_EQ(stats.independent_hz(), 500);
}

TEST(ChannelBooks, WithoutACycleUnknownReadingsMakeItABound) {
  ChannelBooks books(Channel());
  EXPECT_TRUE(books.OnReading(At(0, 5, Freshness::kUnknown))) << "the first";
  EXPECT_FALSE(books.OnReading(At(1, 5, Freshness::kUnknown)));
  EXPECT_TRUE(books.OnReading(At(2, 6, Freshness::kUnknown))) << "it changed";
  EXPECT_FALSE(books.OnReading(At(3, 6, Freshness::kUnknown)));
  const v1::ChannelStats stats = books.Take(0.004);
  EXPECT_DOUBLE_EQ(stats.fresh_hz(), 500);
  EXPECT_TRUE(stats.fresh_is_bound());
}

// Reads each millisecond of conversions each 6 ms; which read was the first to see one is never
// known exactly, yet 500 of 3000 are fresh.
TEST(ChannelBooks, CountsConversionsWhereSingleReadingsAreUndecided) {
  ChannelBooks books(Channel(64));
  for (int64_t i = 0; i < 3000; ++i) {
    ChannelReading reading = At(i, 7, Freshness::kUnknown);
    reading.number = {.lowest = i / 6, .highest = (i + 1) / 6, .epoch = 1};
    if (i > 0) reading.reading.freshness = Freshness::kUnknown;
    books.OnReading(reading);
  }
  EXPECT_LE(books.fresh().least, 500u);
  EXPECT_GE(books.fresh().most, 499u);
  const v1::ChannelStats stats = books.Take(3);
  EXPECT_FALSE(stats.fresh_is_bound());
  EXPECT_NEAR(stats.fresh_hz(), 500 / 3.0, 1);
  EXPECT_NEAR(stats.independent_hz(), 500 / 3.0 / 127, 0.01);
}

TEST(ChannelBooks, ConversionsThatWentByUnreadAreNotCounted) {
  ChannelBooks books(Channel());
  for (int64_t i = 0; i < 1000; ++i) {  // each 20 ms, three conversions later
    ChannelReading reading = At(20 * i, i, Freshness::kFresh);
    reading.number = {.lowest = 3 * i, .highest = 3 * i + 1, .epoch = 1};
    books.OnReading(reading);
  }
  EXPECT_EQ(books.fresh().least, 1000u);
  EXPECT_EQ(books.fresh().most, 1000u);
}

TEST(ChannelBooks, NumbersOfAnotherEpochAreNotCompared) {
  ChannelBooks books(Channel());
  for (int64_t i = 0; i < 100; ++i) {
    ChannelReading reading = At(i, 7, i % 6 == 0 ? Freshness::kFresh : Freshness::kRepeat);
    const int64_t base = i < 50 ? 0 : 1'000'000;
    reading.number = {.lowest = base + i / 6, .highest = base + i / 6, .epoch = i < 50 ? 1u : 2u};
    books.OnReading(reading);
  }
  EXPECT_EQ(books.fresh().least, 17u);
  EXPECT_EQ(books.fresh().most, 17u);
}

TEST(ChannelBooks, CountFromNoughtAfterTheyWereTaken) {
  ChannelBooks books(Channel());
  books.OnReading(At(0, 5, Freshness::kFresh));
  books.Take(1);
  EXPECT_EQ(books.Take(1).achieved_hz(), 0);
  EXPECT_FALSE(books.OnReading(At(1, 5, Freshness::kUnknown))) << "as before";
}

}  // namespace
}  // namespace synergy
