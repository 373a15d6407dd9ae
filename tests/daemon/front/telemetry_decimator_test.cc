#include "daemon/front/telemetry_decimator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <utility>
#include <vector>

namespace synergy {
namespace {

constexpr int64_t kBase = 10'000'000;  // the ring's period in ns

TelemetryRecord Record(int64_t number, double watts, uint64_t readings = 10) {
  TelemetryRecord record;
  record.begin_ns = 5'000'000'000 + number * kBase;
  record.end_ns = record.begin_ns + kBase;
  record.rail_count = 1;
  record.rails[0] = {.min_w = watts - 1, .mean_w = watts, .max_w = watts + 1, .readings = readings};
  return record;
}

// The points that `count` records of constant power give.
int PointsOf(double rate_hz, int count) {
  TelemetryDecimator decimator(rate_hz, {"VDD_IN"}, true);
  int points = 0;
  for (int i = 0; i < count; ++i) points += decimator.Add(Record(i, 5)).has_value() ? 1 : 0;
  return points;
}

TEST(TelemetryDecimator, GivesTheRateThatWasAskedFor) {
  EXPECT_EQ(PointsOf(100, 1000), 1000);
  EXPECT_EQ(PointsOf(50, 1000), 500);
  EXPECT_EQ(PointsOf(10, 1000), 100);
  EXPECT_EQ(PointsOf(1, 1000), 10);
  EXPECT_EQ(PointsOf(30, 1000), 300);  // no multiple of the base period, and yet none too few
}

TEST(TelemetryDecimator, MinIsTheLeastMaxTheGreatestAndMeanIsWeightedByReadings) {
  TelemetryDecimator decimator(50, {"VDD_IN"}, true);
  EXPECT_FALSE(decimator.Add(Record(0, 2, 30)));
  const auto point = decimator.Add(Record(1, 6, 10));
  ASSERT_TRUE(point);
  EXPECT_EQ(point->begin_ns(), 5'000'000'000);
  EXPECT_EQ(point->end_ns(), 5'000'000'000 + 2 * kBase);
  ASSERT_EQ(point->rails_size(), 1);
  EXPECT_DOUBLE_EQ(point->rails(0).min_w(), 1);
  EXPECT_DOUBLE_EQ(point->rails(0).mean_w(), 3);  // (30 x 2 + 10 x 6) / 40
  EXPECT_DOUBLE_EQ(point->rails(0).max_w(), 7);
  EXPECT_EQ(point->rails(0).readings(), 40u);
  EXPECT_TRUE(point->simulated());
}

TEST(TelemetryDecimator, APeriodDoesNotRememberTheOneBefore) {
  TelemetryDecimator decimator(100, {"VDD_IN"}, false);
  ASSERT_TRUE(decimator.Add(Record(0, 100)));
  const auto point = decimator.Add(Record(1, 3));
  ASSERT_TRUE(point);
  EXPECT_DOUBLE_EQ(point->rails(0).max_w(), 4);
  EXPECT_FALSE(point->simulated());
}

TEST(TelemetryDecimator, EnergyIsConserved) {
  // The mean power of the points times their time is that of the records, whatever the rate.
  for (const double rate : {100.0, 33.0, 7.0}) {
    TelemetryDecimator decimator(rate, {"VDD_IN"}, true);
    double in_j = 0, pending_j = 0, out_j = 0;
    for (int i = 0; i < 500; ++i) {
      const TelemetryRecord record = Record(i, 5 + std::sin(i));
      pending_j += record.rails[0].mean_w * kBase * 1e-9;
      if (const auto point = decimator.Add(record)) {
        out_j += point->rails(0).mean_w() *
                 static_cast<double>(point->end_ns() - point->begin_ns()) * 1e-9;
        in_j += pending_j;
        pending_j = 0;
      }
    }
    EXPECT_NEAR(out_j, in_j, 1e-9) << rate;
    EXPECT_GT(in_j, 20) << rate;
  }
}

TEST(TelemetryDecimator, ARailWithoutReadingsHasNoPower) {
  TelemetryDecimator decimator(50, {"VDD_IN", "VDD_CPU"}, true);
  EXPECT_FALSE(decimator.Add(Record(0, 2, 0)));
  const auto point = decimator.Add(Record(1, 6, 5));
  ASSERT_TRUE(point);
  EXPECT_DOUBLE_EQ(point->rails(0).mean_w(), 6);
  EXPECT_EQ(point->rails(0).readings(), 5u);
  EXPECT_EQ(point->rails(1).rail(), "VDD_CPU");
  EXPECT_EQ(point->rails(1).readings(), 0u);
  EXPECT_EQ(point->rails(1).mean_w(), 0);
}

// Where the points of a decimator that joins at record `from` begin and end.
std::vector<std::pair<int64_t, int64_t>> PeriodsFrom(int from, double rate_hz, double finest_hz,
                                                     int lost_at = -10) {
  TelemetryDecimator decimator(rate_hz, {"VDD_IN"}, true, finest_hz);
  std::vector<std::pair<int64_t, int64_t>> periods;
  for (int i = from; i < 200; ++i) {
    if (i >= lost_at && i < lost_at + 5) continue;
    if (i == lost_at + 5) decimator.Lose();
    if (const auto point = decimator.Add(Record(i, 5))) {
      periods.emplace_back(point->begin_ns(), point->end_ns());
    }
  }
  return periods;
}

// Live power of watchers: staggered streams, or streams of different rates, must not tell more
// together than one of the finest rate.
TEST(TelemetryDecimator, OnAGridWholeCellsComeOutWheneverItJoinsAndAtWhateverRate) {
  for (const double finest_hz : {10.0, 30.0}) {
    std::set<int64_t> edges;
    const auto cells = PeriodsFrom(0, finest_hz, finest_hz);
    ASSERT_GE(static_cast<double>(cells.size()), 1.9 * finest_hz - 1);
    for (const auto& [begin, end] : cells) edges.insert({begin, end});
    for (int from = 0; from < 25; ++from) {
      for (const double part : {1.0, 0.99, 0.7, 0.3}) {
        const int lost_at = from % 3 == 0 ? 103 : -10;
        const auto periods = PeriodsFrom(from, part * finest_hz, finest_hz, lost_at);
        EXPECT_GE(periods.size(), 4u);
        for (const auto& [begin, end] : periods) {
          EXPECT_TRUE(edges.contains(begin)) << from << " " << part << " " << begin;
          EXPECT_TRUE(edges.contains(end)) << from << " " << part << " " << end;
        }
      }
    }
  }
  EXPECT_EQ(PeriodsFrom(0, 10, 10, 103).size(), PeriodsFrom(0, 10, 10).size() - 1);
}

TEST(TelemetryDecimator, OnAGridAPointTellsNoSingleReadingAndNoOperator) {
  TelemetryDecimator decimator(10, {"VDD_IN"}, true, 10);
  int points = 0;
  for (int i = 0; i < 40; ++i) {
    TelemetryRecord record = Record(i, i % 7);
    record.iteration = 7;
    record.in_operator = 1;
    record.op = 3;
    const auto point = decimator.Add(record);
    if (!point) continue;
    ++points;
    EXPECT_GT(point->rails(0).mean_w(), 0);
    EXPECT_EQ(point->rails(0).min_w(), point->rails(0).mean_w());
    EXPECT_EQ(point->rails(0).max_w(), point->rails(0).mean_w());
    EXPECT_EQ(point->iteration(), 0u);
    EXPECT_FALSE(point->in_operator());
    EXPECT_EQ(point->op_index(), 0u);
  }
  EXPECT_GE(points, 2);
}

TEST(TelemetryDecimator, OnAGridTheRateIsKeptOnAverage) {
  TelemetryDecimator decimator(7, {"VDD_IN"}, true, 10);
  int points = 0;
  for (int i = 0; i < 10'000; ++i) points += decimator.Add(Record(i, 5)).has_value() ? 1 : 0;
  EXPECT_NEAR(points, 700, 2);
}

TEST(TelemetryDecimator, AfterAHoleItGoesOnInItsGrid) {
  TelemetryDecimator decimator(10, {"VDD_IN"}, true);
  int points = 0;
  for (int i = 0; i < 95; ++i) points += decimator.Add(Record(i, 5)).has_value() ? 1 : 0;
  EXPECT_EQ(points, 9);
  EXPECT_TRUE(decimator.Add(Record(1000, 5)));  // closes the period that the hole fell into
  points = 0;
  for (int i = 1001; i < 1101; ++i) points += decimator.Add(Record(i, 5)).has_value() ? 1 : 0;
  EXPECT_EQ(points, 10);
}

TEST(TelemetryDecimator, ActivityIsThatOfTheLastRecord) {
  TelemetryDecimator decimator(50, {"VDD_IN"}, true);
  EXPECT_FALSE(decimator.Add(Record(0, 2)));
  TelemetryRecord record = Record(1, 2);
  memset(record.run_id, 'r', sizeof(record.run_id));  // not even terminated
  record.phase = v1::PHASE_MEASURE;
  record.iteration = 7;
  record.op = 3;
  record.daemon_cpu_ns = 1'234;
  record.in_operator = 1;
  const auto point = decimator.Add(record);
  ASSERT_TRUE(point);
  EXPECT_EQ(point->run_id(), std::string(sizeof(record.run_id), 'r'));
  EXPECT_EQ(point->phase(), v1::PHASE_MEASURE);
  EXPECT_EQ(point->iteration(), 7u);
  EXPECT_TRUE(point->in_operator());
  EXPECT_EQ(point->op_index(), 3u);
  EXPECT_EQ(point->daemon_cpu_ns(), 1'234u);
}

TEST(TelemetryRate, IsAboveZeroAndAtMostThatOfTheRing) {
  for (const double rate : {1e-9, 0.5, 100.0})
    EXPECT_TRUE(ValidateTelemetryRateUntrusted(rate).ok());
  for (const double rate : {0.0, -1.0, 100.1, std::numeric_limits<double>::quiet_NaN(),
                            std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(ValidateTelemetryRateUntrusted(rate).code(), absl::StatusCode::kInvalidArgument)
        << rate;
  }
}

}  // namespace
}  // namespace synergy
