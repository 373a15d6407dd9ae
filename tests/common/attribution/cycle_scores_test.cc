#include "common/attribution/cycle_scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace synergy {
namespace {

constexpr double kPeriodNs = 823e3, kBeginNs = 4e6;

// A chip of one register, without noise, that converts in the last sixth of each period, and an
// operator of 5 steps that runs for 700 us in each ms.
struct Scene {
  Occupancy occupancy{0};
  std::vector<CycleRead> reads;
  std::vector<size_t> all;

  PowerCourse Course() const { return PowerCourse(occupancy, Eigen::Vector2d(5, 0)); }
};

Scene MakeScene() {
  Scene scene;
  for (double t = 0; t < 400e6; t += 1e6) {
    scene.occupancy.Append(t + 0.7e6, 0);
    scene.occupancy.Append(t + 1e6, 1);
  }
  const PowerCourse course = scene.Course();
  for (double at = 10e6; at < 390e6; at += 1.07e6) {
    const double end = kBeginNs + kPeriodNs * std::floor((at - kBeginNs) / kPeriodNs);
    scene.reads.push_back({.reg = 0,
                           .earliest_ns = at,
                           .latest_ns = at,
                           .value = course.Mean(end - kPeriodNs / 6, end)});
  }
  scene.all.resize(scene.reads.size());
  std::iota(scene.all.begin(), scene.all.end(), size_t{0});
  return scene;
}

TEST(CycleScores, TheLeastIsAtThePeriodAndPhaseThatWere) {
  const Scene scene = MakeScene();
  const PowerCourse course = scene.Course();
  const CycleRegister reg{.slot_share = 1.0 / 6, .offset = 0, .noise = 0.3, .course = &course};
  constexpr double kZeroNs = 200e6;
  CycleScores scores({.period_ns = 840e3, .tolerance = 0.1}, reg, scene.reads, scene.all, kZeroNs);
  ASSERT_EQ(scores.phases(), 48u);
  const std::span<const float> right = scores.Of(kPeriodNs);
  const auto least = std::ranges::min_element(right);
  const double cycles = (kBeginNs - kZeroNs) / kPeriodNs;
  const double phase = 48 * (cycles - std::floor(cycles));
  EXPECT_LE(std::abs(static_cast<double>(least - right.begin()) - phase), 1);
  const float best = *least;
  EXPECT_LT(best, 3);
  for (const double wrong_ns : {761e3, 800e3, 818e3, 828e3, 905e3}) {
    EXPECT_GT(*std::ranges::min_element(scores.Of(wrong_ns)), 4 * best) << wrong_ns;
  }
}

TEST(CycleScores, ARegistersOffsetMovesItsPhases) {
  const Scene scene = MakeScene();
  const PowerCourse course = scene.Course();
  const CycleNominal nominal{.period_ns = 840e3, .tolerance = 0.1};
  CycleRegister reg{.slot_share = 1.0 / 6, .offset = 0, .noise = 0.3, .course = &course};
  CycleScores at_zero(nominal, reg, scene.reads, scene.all, 0);
  reg.offset = 0.25;
  CycleScores later(nominal, reg, scene.reads, scene.all, 0);
  const std::span<const float> first = at_zero.Of(kPeriodNs), second = later.Of(kPeriodNs);
  for (size_t k = 0; k < 48; ++k) EXPECT_NEAR(first[k], second[(k + 48 - 12) % 48], 1e-3) << k;
}

TEST(CycleScores, TheShortestSlotsTakeNoMoreMemoryThanOnesOfA48thOfThePeriod) {
  const Scene scene = MakeScene();
  const PowerCourse course = scene.Course();
  const CycleRegister reg{.slot_share = 1e-6, .offset = 0, .noise = 0.3, .course = &course};
  const CycleScores scores({.period_ns = 840e3, .tolerance = 0.1}, reg, scene.reads, scene.all, 0);
  EXPECT_EQ(scores.phases(), 384u);
}

}  // namespace
}  // namespace synergy
