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
  EXPECT_FALSE(history.Now(0).has_value());
  EXPECT_DOUBLE_EQ(history.Last(0, 10)->mean_w, 2);
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
