#include "common/attribution/conversion_times.h"

#include <cmath>
#include <random>

#include "gtest/gtest.h"

namespace synergy {
namespace {

// A chip with one register, read each millisecond, beside operators of half a millisecond.
struct Scene {
  Occupancy occupancy{0};
  Eigen::VectorXd power;
  std::vector<double> ends;  // of the conversions
  std::vector<CycleRead> reads;
};

Scene MakeScene(double period_ns, double drift, double dynamic_steps, double length_ns = 3e9) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> even;
  std::normal_distribution<double> normal;
  Scene scene;
  scene.power = Eigen::VectorXd::Constant(8, 10);
  for (Eigen::Index i = 0; i < 7; ++i) scene.power[i] += dynamic_steps * even(random);
  double t = 0;
  while (t < length_ns) {
    for (uint32_t op = 0; op < 7; ++op)
      scene.occupancy.Append(t += 5e5 * (0.8 + 0.4 * even(random)), op);
    scene.occupancy.Append(t += 1e6 * even(random), 7);
  }
  const PowerCourse course(scene.occupancy, scene.power);
  double end = 3e6, length = period_ns, value = 0, due = 5e6;
  while (end < length_ns - 1e8) {
    for (; due < end; due += 1e6 + 1e5 * even(random)) {
      scene.reads.push_back(
          {.reg = 0, .earliest_ns = due - 2e3, .latest_ns = due + 2e3, .value = value});
    }
    value = std::round(course.Mean(end - length / 6, end) + 0.3 * normal(random));
    scene.ends.push_back(end);
    length = period_ns * (1 + drift * end / length_ns);
    end += length;
  }
  std::erase_if(scene.reads, [](const CycleRead& r) { return r.value == 0; });
  return scene;
}

std::optional<ConversionTimes> Find(const Scene& scene, const PowerCourse& course) {
  const CycleNominal nominal{.period_ns = 840e3, .tolerance = 0.1};
  const std::vector<CycleRegister> registers = {
      {.slot_share = 1.0 / 6, .offset = 0, .noise = 0.42, .course = &course}};
  const std::vector<CycleState> found = FindCycles(nominal, registers, scene.reads);
  if (found.empty()) return std::nullopt;
  return TrackFound(nominal, registers, scene.reads, found.front());
}

double RmsError(const Scene& scene, const ConversionTimes& times) {
  double squares = 0, count = 0;
  for (const ConversionTime& time : times.reads) {
    if (!time.certain) continue;
    const auto at = std::ranges::lower_bound(scene.ends, time.end_ns - 400e3);
    squares += std::pow(*at - time.end_ns, 2);
    ++count;
  }
  EXPECT_GT(count, 0.6 * static_cast<double>(times.reads.size()));
  return std::sqrt(squares / count);
}

TEST(ConversionTimes, FindsAFreeRunningChipsCycle) {
  const Scene scene = MakeScene(783e3, 0, 20);
  const PowerCourse course(scene.occupancy, scene.power);
  const auto times = Find(scene, course);
  ASSERT_TRUE(times.has_value());
  EXPECT_NEAR(times->period_ns, 783e3, 20);
  EXPECT_LT(RmsError(scene, *times), 3e3);
  EXPECT_NEAR(times->misfit, 1, 0.2);
}

TEST(ConversionTimes, FollowsADriftingOscillator) {
  const Scene scene = MakeScene(880e3, 0.005, 20);
  const PowerCourse course(scene.occupancy, scene.power);
  const auto times = Find(scene, course);
  ASSERT_TRUE(times.has_value());
  EXPECT_LT(RmsError(scene, *times), 5e3);
}

TEST(ConversionTimes, AreFoundAnewBehindAHole) {
  Scene scene = MakeScene(880e3, 0.005, 20, 12e9);
  std::erase_if(scene.reads, [](const CycleRead& r) {
    return (r.earliest_ns > 2e9 && r.earliest_ns < 6e9) ||
           (r.earliest_ns > 8e9 && r.earliest_ns < 10e9);
  });
  const PowerCourse course(scene.occupancy, scene.power);
  const auto times = Find(scene, course);
  ASSERT_TRUE(times.has_value());
  EXPECT_LT(RmsError(scene, *times), 5e3);
}

TEST(ConversionTimes, AreBetterOnceMoreFromThemselves) {
  const Scene scene = MakeScene(810e3, 0, 20);
  const PowerCourse course(scene.occupancy, scene.power);
  const auto times = Find(scene, course);
  ASSERT_TRUE(times.has_value());
  const ConversionTimes again =
      TrackConversionTimes({.period_ns = 840e3, .tolerance = 0.1},
                           {{.slot_share = 1.0 / 6, .offset = 0, .noise = 0.42, .course = &course}},
                           scene.reads, times->middle);
  EXPECT_LT(RmsError(scene, again), 3e3);
}

TEST(ConversionTimes, AConstantPowerShowsNone) {
  const Scene scene = MakeScene(800e3, 0, 0);
  const PowerCourse course(scene.occupancy, scene.power);
  EXPECT_FALSE(Find(scene, course).has_value());
}

TEST(ConversionTimes, TooFewReadingsShowNone) {
  Scene scene = MakeScene(800e3, 0, 20);
  scene.reads.resize(100);
  const PowerCourse course(scene.occupancy, scene.power);
  EXPECT_FALSE(Find(scene, course).has_value());
}

}  // namespace
}  // namespace synergy
