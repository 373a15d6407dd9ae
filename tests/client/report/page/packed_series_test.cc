#include "client/report/page/packed_series.h"

#include <gtest/gtest.h>

#include <cmath>

namespace synergy {
namespace {

constexpr int64_t kBeginNs = 5'000'000'000;

TEST(PackedSeries, WritesChangesOfIntervalsAndOfValues) {
  PackedSeries series("VDD_IN", 0.5, kBeginNs);
  series.Add(kBeginNs + 1'000'000, 2.0);  // 1000 us, 4 steps: zigzag 2000 = 0xD0 0x0F, 8
  series.Add(kBeginNs + 2'000'000, 2.5);  // the same interval, a step more: 0, 2
  series.Add(kBeginNs + 2'999'000, 1.0);  // 1 us less, 3 steps down: 1, 5
  const nlohmann::ordered_json json = series.Json(100);
  EXPECT_EQ(json.dump(),
            R"({"name":"VDD_IN","step":0.5,"count":3,"thinned":1,"data":"0A8IAAIBBQ=="})");
}

TEST(PackedSeries, SortsByTimeAndLeavesOutWhatIsNoNumber) {
  PackedSeries late("r", 1, 0), sorted("r", 1, 0);
  for (const int64_t ms : {2, 1, 3}) late.Add(ms * 1'000'000, static_cast<double>(ms));
  for (const int64_t ms : {1, 2, 3}) sorted.Add(ms * 1'000'000, static_cast<double>(ms));
  late.Add(1'500'000, NAN);
  late.Add(1'500'000, INFINITY);
  EXPECT_EQ(late.Json(10), sorted.Json(10));
}

TEST(PackedSeries, OfTooManyValuesKeepsTheExtremesInTheirOrder) {
  PackedSeries series("r", 1, 0), expected("r", 1, 0);
  const double values[] = {3, 9, 1, 4, 5, 5, 5, 5};
  for (int64_t i = 0; i < 8; ++i) series.Add(i * 1'000'000, values[i]);
  const nlohmann::ordered_json json = series.Json(4);
  expected.Add(1'000'000, 9);
  expected.Add(2'000'000, 1);
  expected.Add(4'000'000, 5);
  EXPECT_EQ(json["thinned"], 4);
  EXPECT_EQ(json["count"], 3);
  EXPECT_EQ(json["data"], expected.Json(4)["data"]);
}

}  // namespace
}  // namespace synergy
