#include "common/clock_comparison/meter_clock.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/common/clock_comparison/synthetic_meter.h"

namespace synergy {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kBefore = 5'000 * kSecond;  // device's clock
constexpr int64_t kAfter = kBefore + 20 * kSecond;
constexpr int64_t kHostOffset = 777 * kSecond;  // device's minus host's

// A whole measurement: two patterns, the meter's lines with their arrivals, round trips.
struct Scene {
  SyntheticMeter meter;
  uint64_t seed = 1;
  double delay_ns = 200'000;  // of lines, beyond the least
  bool play_after = true;

  std::vector<v1::ChirpPlayed> played = {};
  std::vector<MeterRail> rails = {};
  RoundTrips trips = {};
  Arrivals arrivals = {};
  std::vector<int64_t> device_ns = {};  // when each reading truly was

  MeterClock Fit() {
    std::mt19937_64 random(seed);
    played = {PlayedAt(kBefore, UsualChirp(seed))};
    if (play_after) played.push_back(PlayedAt(kAfter, UsualChirp(seed), true));
    std::exponential_distribution<double> delay(1 / delay_ns);
    const auto readings =
        meter.Readings(played, kBefore - 4 * kSecond, kAfter + 5 * kSecond, random);
    int64_t last_arrival = 0;
    for (const PowerSample& r : readings) {
      const int64_t device = DeviceOf(r.at_ns, device_ns.empty() ? 0 : device_ns.back());
      device_ns.push_back(device);
      last_arrival = std::max(last_arrival,
                              device - kHostOffset + 300'000 + static_cast<int64_t>(delay(random)));
      arrivals.Add(r.at_ns, last_arrival);
    }
    for (int64_t at = kBefore - 4 * kSecond; at < kAfter + 5 * kSecond; at += kSecond) {
      const int64_t sent = at - kHostOffset;
      trips.Add({sent, at + 200'000, at + 210'000, sent + 500'000});
    }
    const MeterFacts facts{trips, arrivals, arrivals.Jumps()};
    MeterRail rail{.name = "USB", .readings = readings};
    for (const ClockJump& jump : facts.jumps) rail.after_jump.push_back(jump.line);
    rails = {rail};
    return FitMeterClock(facts, played, rails);
  }

  // The inverse of SyntheticMeter::StampAt, which a jump back makes ambiguous: the one after
  // `last`.
  int64_t DeviceOf(int64_t stamp, int64_t last) const {
    const double scale = 1 + meter.drift_ppm * 1e-6;
    const auto plain = std::llround(static_cast<double>(stamp - meter.offset_ns) / scale);
    if (meter.jump_at_ns == 0) return plain;
    const auto jumped =
        std::llround(static_cast<double>(stamp - meter.offset_ns - meter.jump_ns) / scale);
    if (plain < meter.jump_at_ns && plain > last) return plain;
    return jumped;
  }

  // The largest error of a reading between the patterns.
  double WorstError(const MeterClock& clock) const {
    const std::vector<PowerSample> mapped = OnDeviceClock(rails[0], clock.segments);
    EXPECT_EQ(mapped.size(), device_ns.size());
    double worst = 0;
    for (size_t i = 0; i < std::min(mapped.size(), device_ns.size()); ++i) {
      if (device_ns[i] < kBefore || device_ns[i] > kAfter) continue;
      worst = std::max(worst, std::abs(static_cast<double>(mapped[i].at_ns - device_ns[i])));
    }
    return worst;
  }
};

SyntheticMeter Meter(double rate_hz, double drift_ppm, int64_t jump_ns) {
  return {.rate_hz = rate_hz,
          .drift_ppm = drift_ppm,
          .offset_ns = -3 * 3600 * kSecond,
          .jump_at_ns = jump_ns == 0 ? 0 : kBefore + 9 * kSecond,
          .jump_ns = jump_ns,
          .noise_w = 0.1,
          .averages = true};
}

TEST(MeterClock, BringsADriftingClockOverWithinItsBound) {
  int held = 0, all = 0;
  for (const double rate_hz : {100.0, 1000.0}) {
    for (const double drift_ppm : {-100.0, -20.0, 0.0, 35.0, 100.0}) {
      for (uint64_t seed = 1; seed <= 4; ++seed) {
        Scene scene{.meter = Meter(rate_hz, drift_ppm, 0), .seed = seed};
        const MeterClock clock = scene.Fit();
        ASSERT_EQ(clock.segments.size(), 1u);
        EXPECT_TRUE(clock.problems.empty()) << clock.problems.front();
        EXPECT_NEAR(clock.segments[0].drift * 1e6, -drift_ppm,
                    2 * clock.bound_ns / 20e9 * 1e6 + 0.1);
        ++all;
        if (scene.WorstError(clock) <= clock.bound_ns) ++held;
        EXPECT_LT(scene.WorstError(clock), 3 * clock.bound_ns);
      }
    }
  }
  EXPECT_GE(held, all * 9 / 10);  // two ends of 95 % each
}

TEST(MeterClock, BringsAClockThatJumpedOverWithinItsBound) {
  for (const double rate_hz : {100.0, 1000.0}) {
    for (const int64_t jump_ns : {50 * kMs, -50 * kMs, 3'600 * kSecond}) {
      Scene scene{.meter = Meter(rate_hz, 40, jump_ns)};
      const MeterClock clock = scene.Fit();
      ASSERT_EQ(clock.segments.size(), 2u) << rate_hz << " " << jump_ns;
      EXPECT_TRUE(clock.problems.empty()) << clock.problems.front();
      EXPECT_LT(scene.WorstError(clock), 1.5 * clock.bound_ns) << rate_hz << " " << jump_ns;
      EXPECT_LT(clock.bound_ns, 3e6);
    }
  }
}

// Any drift, jump, rate, noise and delay; a reading anywhere between the patterns.
TEST(MeterClock, HoldsTheTruthInNinetyFivePercentOfRandomScenes) {
  std::mt19937_64 random(2024);
  const auto between = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  constexpr int kScenes = 120;
  int held = 0;
  for (int i = 0; i < kScenes; ++i) {
    const bool jumps = i % 2 == 1;
    SyntheticMeter meter{
        .rate_hz = std::pow(10, between(2, 3.3)),
        .drift_ppm = between(-100, 100),
        .offset_ns = static_cast<int64_t>(between(-4e13, 4e13)),
        .jump_at_ns = jumps ? kBefore + static_cast<int64_t>(between(4e9, 18e9)) : 0,
        .jump_ns = 0,
        .noise_w = between(0, 0.5),
        .missing = i % 5 == 0 ? 0.02 : 0,
        .averages = i % 3 != 0};
    // Below half of the distance of readings nothing shows a jump.
    if (jumps) meter.jump_ns = static_cast<int64_t>(between(10e6, 50e6)) * (i % 4 == 1 ? 1 : -1);
    Scene scene{.meter = meter, .seed = static_cast<uint64_t>(i), .delay_ns = between(2e4, 5e5)};
    const MeterClock clock = scene.Fit();
    ASSERT_EQ(clock.segments.size(), jumps ? 2u : 1u) << i;
    const std::vector<PowerSample> mapped = OnDeviceClock(scene.rails[0], clock.segments);
    ASSERT_LE(mapped.size(), scene.device_ns.size());
    const auto at = static_cast<size_t>(between(0.3, 0.7) * static_cast<double>(mapped.size()));
    // A reading that is left out at a jump moves those behind it by one.
    const size_t shifts = scene.device_ns.size() - mapped.size();
    double error = 1e18;
    for (size_t j = at; j <= at + shifts; ++j) {
      error = std::min(error, std::abs(static_cast<double>(mapped[at].at_ns - scene.device_ns[j])));
    }
    if (error <= clock.bound_ns) ++held;
  }
  EXPECT_GE(held, kScenes * 95 / 100);
}

TEST(MeterClock, SaysThatItJumpedWhereNothingShowsWhere) {
  Scene scene{.meter = Meter(100, 0, 0)};
  scene.Fit();
  // The second pattern is elsewhere than the lines' arrivals can tell.
  std::vector<v1::ChirpPlayed> moved = scene.played;
  for (int i = 0; i < moved[1].edge_ns_size(); ++i) {
    moved[1].set_edge_ns(i, moved[1].edge_ns(i) + 50 * kMs);
  }
  const MeterClock clock = FitMeterClock({scene.trips, scene.arrivals, {}}, moved, scene.rails);
  EXPECT_FALSE(clock.problems.empty());
  EXPECT_TRUE(clock.segments.empty());
}

TEST(MeterClock, DoesNotBelievePatternsThatTheArrivalsContradict) {
  Scene scene{.meter = Meter(1000, 0, 0)};
  scene.Fit();
  std::vector<v1::ChirpPlayed> moved = scene.played;
  for (int i = 0; i < moved[1].edge_ns_size(); ++i) {
    moved[1].set_edge_ns(i, moved[1].edge_ns(i) + 8 * kMs);
  }
  const MeterClock clock = FitMeterClock({scene.trips, scene.arrivals, {}}, moved, scene.rails);
  ASSERT_FALSE(clock.problems.empty());
  EXPECT_NE(clock.problems[0].find("arrival"), std::string::npos) << clock.problems[0];
}

TEST(MeterClock, AllowsForAnUnknownDriftWhereOnePatternIsMissing) {
  Scene scene{.meter = Meter(1000, 80, 0), .play_after = false};
  const MeterClock clock = scene.Fit();
  ASSERT_EQ(clock.segments.size(), 1u);
  ASSERT_EQ(clock.problems.size(), 1u);
  EXPECT_NE(clock.problems[0].find("after the job"), std::string::npos) << clock.problems[0];
}

TEST(MeterClock, IsNotMadeUpWhereNoPatternIsFound) {
  Scene scene{.meter = Meter(1000, 0, 0)};
  scene.meter.step_w = 0;
  const MeterClock clock = scene.Fit();
  EXPECT_TRUE(clock.segments.empty());
  ASSERT_EQ(clock.chirps.size(), 2u);
  EXPECT_TRUE(absl::IsNotFound(clock.chirps[0].match.status()));
  EXPECT_FALSE(clock.problems.empty());
  EXPECT_TRUE(OnDeviceClock(scene.rails[0], clock.segments).empty());
}

TEST(MeterClock, IsNotMadeUpWithoutRoundTrips) {
  Scene scene{.meter = Meter(1000, 0, 0)};
  scene.Fit();
  const MeterClock clock =
      FitMeterClock({RoundTrips(), scene.arrivals, {}}, scene.played, scene.rails);
  EXPECT_TRUE(clock.segments.empty());
  EXPECT_FALSE(clock.problems.empty());
}

TEST(MeterClock, LeavesOutReadingsThatGoBackWithoutAJump) {
  const std::vector<ClockSegment> one = {{0, 100, 0}};
  const MeterRail rail{.name = "A", .readings = {{10, 1}, {20, 2}, {15, 9}, {30, 3}}};
  const std::vector<PowerSample> samples = OnDeviceClock(rail, one);
  ASSERT_EQ(samples.size(), 3u);
  EXPECT_EQ(samples[0].at_ns, 110);
  EXPECT_EQ(samples[2].power_w, 3);
}

}  // namespace
}  // namespace synergy
