#include "client/watch/power_history.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

v1::TelemetryPoint Point(int64_t begin_s, double mean_w, uint32_t readings = 10) {
  v1::TelemetryPoint point;
  point.set_begin_ns(begin_s * kSecond);
  point.set_end_ns((begin_s + 1) * kSecond);
  v1::RailPower* rail = point.add_rails();
  rail->set_rail("VDD_IN");
  rail->set_readings(readings);
  rail->set_min_w(mean_w - 1);
  rail->set_mean_w(mean_w);
  rail->set_max_w(mean_w + 1);
  return point;
}

TEST(PowerHistory, TwoWattsForThreeSecondsAreSixJoules) {
  PowerHistory history;
  for (int s = 0; s < 3; ++s) history.Add(Point(s, 2));
  EXPECT_DOUBLE_EQ(history.energy_j(0), 6);
}

TEST(PowerHistory, SpanWithoutReadingsAddsNothing) {
  PowerHistory history;
  history.Add(Point(0, 2));
  history.Add(Point(1, 0, 0));
  EXPECT_DOUBLE_EQ(history.energy_j(0), 2);
  EXPECT_DOUBLE_EQ(history.Now(0)->mean_w, 2) << "it holds";
  EXPECT_DOUBLE_EQ(history.Last(0, 10)->mean_w, 2);
  for (int s = 2; s < 8; ++s) history.Add(Point(s, 0, 0));
  EXPECT_FALSE(history.Now(0).has_value()) << "not for ever";
}

// A gauge of 2 Hz of which points of 10 ms are asked for: those without a reading do not come.
v1::TelemetryPoint ShortPoint(int64_t begin_ms, double mean_w, uint32_t readings) {
  v1::TelemetryPoint point = Point(0, mean_w, readings);
  point.set_begin_ns(begin_ms * 1'000'000);
  point.set_end_ns((begin_ms + 10) * 1'000'000);
  return point;
}

TEST(PowerHistory, ReadingsOfASlowSensorStandForTheTimeBetweenThem) {
  PowerHistory history;
  for (int i = 0; i <= 20; ++i) history.Add(ShortPoint(500 * i, 1.5, 1));
  EXPECT_NEAR(history.energy_j(0), 15, 0.02);
  const auto last = history.Last(0, 8);
  EXPECT_NEAR(static_cast<double>(last->readings) / last->seconds, 2, 1e-9);
  for (const auto& column : history.Columns(0, 8, 80)) {
    ASSERT_TRUE(column.has_value()) << "a line, not dots";
    EXPECT_DOUBLE_EQ(column->mean_w, 1.5);
  }
}

TEST(PowerHistory, SlowRailBesideAFastOneHasAllItsJoules) {
  PowerHistory history;
  for (int i = 0; i < 1000; ++i) {
    v1::TelemetryPoint point = ShortPoint(10 * i, 2, 10);
    v1::RailPower* slow = point.add_rails();
    slow->set_rail("battery");
    if (i % 50 == 0) {
      slow->set_readings(1);
      slow->set_min_w(3);
      slow->set_mean_w(3);
      slow->set_max_w(3);
    }
    history.Add(point);
  }
  EXPECT_NEAR(history.energy_j(0), 20, 1e-9);
  EXPECT_NEAR(history.energy_j(1), 3 * (9.5 + 0.01), 1e-9) << "until the last reading";
  EXPECT_DOUBLE_EQ(history.Now(1)->mean_w, 3);
}

TEST(PowerHistory, TimeInWhichTheBoardWasLostOrNothingWasReadHasNoJoules) {
  PowerHistory history;
  history.Add(ShortPoint(0, 2, 1));
  history.Interrupt();
  history.Add(ShortPoint(2000, 2, 1));
  EXPECT_NEAR(history.energy_j(0), 0.04, 1e-12);
  history.Add(ShortPoint(2010 + 5001, 2, 1));
  EXPECT_NEAR(history.energy_j(0), 0.06, 1e-12);
}

TEST(PowerHistory, LastSpanHasTheExtremesOfWhatIsInIt) {
  PowerHistory history;
  for (const auto& [s, w] : {std::pair{0, 9.0}, {1, 4.0}, {2, 6.0}}) history.Add(Point(s, w));
  const auto last = history.Last(0, 2);
  EXPECT_DOUBLE_EQ(last->min_w, 3);
  EXPECT_DOUBLE_EQ(last->mean_w, 5);
  EXPECT_DOUBLE_EQ(last->max_w, 7);
}

TEST(PowerHistory, ColumnsMoveOnAsAWhole) {
  PowerHistory history;
  for (int s = 0; s < 8; ++s) history.Add(Point(s, s));
  const auto before = history.Columns(0, 8, 4);
  history.Add(Point(8, 8));
  const auto after = history.Columns(0, 8, 4);
  for (size_t i = 0; i + 1 < before.size(); ++i) EXPECT_EQ(after[i]->mean_w, before[i + 1]->mean_w);
}

TEST(PowerHistory, ForgetsWhatIsTooOldAndKeepsItsJoules) {
  PowerHistory history(5);
  for (int s = 0; s < 100; ++s) history.Add(Point(s, 1));
  EXPECT_FALSE(history.Columns(0, 100, 100)[50].has_value());
  EXPECT_DOUBLE_EQ(history.energy_j(0), 100);
}

TEST(PowerHistory, BoardThatWasRebootedBeginsAnew) {
  PowerHistory history;
  history.Add(Point(100, 9));
  history.Add(Point(0, 1));
  EXPECT_DOUBLE_EQ(history.Last(0, 60)->mean_w, 1);
}

}  // namespace
}  // namespace synergy
