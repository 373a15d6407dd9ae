#include "common/clock_comparison/chirp_search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/common/clock_comparison/synthetic_meter.h"

namespace synergy {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kPlayed = 100 * kSecond;  // device's clock

struct Found {
  ChirpMatch match;
  double error_ns = 0;  // of device_ns
};

ChirpSearch Around(const SyntheticMeter& meter, int64_t before_ns, int64_t after_ns) {
  const int64_t offset = kPlayed - meter.StampAt(kPlayed);
  return {.lowest_offset_ns = offset - before_ns,
          .highest_offset_ns = offset + after_ns,
          .drift = -meter.drift_ppm * 1e-6};
}

absl::StatusOr<Found> Find(const SyntheticMeter& meter, uint64_t seed, double chip_s = 0.03,
                           uint32_t chips = 60) {
  std::mt19937_64 random(seed);
  const v1::ChirpPlayed played = PlayedAt(kPlayed, UsualChirp(seed, chip_s, chips));
  const int64_t end = played.edge_ns(played.edge_ns_size() - 1);
  const auto readings = meter.Readings({played}, kPlayed - 2 * kSecond, end + 2 * kSecond, random);
  const auto match = FindChirp(played, readings, Around(meter, kSecond, kSecond / 2));
  if (!match.ok()) return match.status();
  const int64_t truth = meter.StampAt(static_cast<double>(match->device_ns));
  return Found{*match, static_cast<double>(match->stamp_ns - truth)};
}

TEST(ChirpSearch, FindsThePatternOfACleanMeter) {
  const auto found = Find({.rate_hz = 1000, .offset_ns = -3 * 3600 * kSecond}, 1);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_GT(found->match.correlation, 0.99);
  EXPECT_NEAR(found->match.step_w, 2, 0.05);
  EXPECT_LT(found->match.bound_ns, 250'000);
  EXPECT_LE(std::abs(found->error_ns), 2 * found->match.bound_ns);
}

TEST(ChirpSearch, IsBetterThanAReadingsDistance) {
  for (const double rate_hz : {100.0, 1000.0, 10'000.0}) {
    const auto found = Find({.rate_hz = rate_hz, .averages = true}, 5);
    ASSERT_TRUE(found.ok()) << rate_hz << found.status();
    EXPECT_LT(found->match.bound_ns, 0.4e9 / rate_hz) << rate_hz;
  }
}

struct Case {
  const char* name;
  SyntheticMeter meter;
  double chip_s = 0.03;
  uint32_t chips = 60;
};

class ChirpCoverage : public testing::TestWithParam<Case> {};

// The seeds are fixed: it holds, or it does not.
TEST_P(ChirpCoverage, StatedBoundHoldsTheTruthInNinetyFivePercent) {
  const int rounds = GetParam().meter.rate_hz > 5000 ? 40 : 200;  // as long as it may take
  int held = 0;
  std::mt19937_64 random(99);
  for (int round = 0; round < rounds; ++round) {
    SyntheticMeter meter = GetParam().meter;
    meter.drift_ppm = std::uniform_real_distribution<double>(-100, 100)(random);
    meter.offset_ns =
        std::uniform_int_distribution<int64_t>(-10 * 3600 * kSecond, 10 * 3600 * kSecond)(random);
    const auto found =
        Find(meter, static_cast<uint64_t>(round), GetParam().chip_s, GetParam().chips);
    ASSERT_TRUE(found.ok()) << round << " " << found.status();
    if (std::abs(found->error_ns) <= found->match.bound_ns) ++held;
  }
  EXPECT_GE(held, rounds * 95 / 100);
  RecordProperty("held", held);
}

INSTANTIATE_TEST_SUITE_P(
    Meters, ChirpCoverage,
    testing::Values(
        Case{"clean_1kHz", {.rate_hz = 1000}},
        Case{"noisy_1kHz", {.rate_hz = 1000, .noise_w = 0.5}},
        Case{"loud_1kHz", {.rate_hz = 1000, .noise_w = 2}},
        Case{"averaging_1kHz", {.rate_hz = 1000, .noise_w = 0.1, .averages = true}},
        Case{"lossy_1kHz", {.rate_hz = 1000, .noise_w = 0.2, .missing = 0.3}},
        Case{"slow_100Hz", {.rate_hz = 100, .noise_w = 0.05}, 0.04, 50},
        Case{"slow_averaging_100Hz", {.rate_hz = 100, .noise_w = 0.05, .averages = true}, 0.04, 50},
        Case{"slow_odd_87Hz", {.rate_hz = 87.3, .noise_w = 0.3}, 0.046, 42},
        Case{"fast_10kHz", {.rate_hz = 10'000, .noise_w = 0.5}, 0.01, 60},
        Case{"gauge_10Hz", {.rate_hz = 10, .noise_w = 0.05, .averages = true}, 0.4, 25}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ChirpSearch, FindsNothingInAFlatSignal) {
  const auto found = Find({.rate_hz = 1000, .step_w = 0}, 3);
  EXPECT_TRUE(absl::IsNotFound(found.status())) << found.status();
}

TEST(ChirpSearch, FindsNothingInNoise) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto found = Find({.rate_hz = 200, .noise_w = 1, .step_w = 0}, seed);
    EXPECT_TRUE(absl::IsNotFound(found.status())) << seed;
  }
}

TEST(ChirpSearch, FindsNoOtherPatternThanItsOwn) {
  std::mt19937_64 random(1);
  const SyntheticMeter meter{.rate_hz = 1000};
  const auto other = PlayedAt(kPlayed, UsualChirp(1)), own = PlayedAt(kPlayed, UsualChirp(2));
  const auto readings =
      meter.Readings({other}, kPlayed - 8 * kSecond, kPlayed + 12 * kSecond, random);
  const auto match = FindChirp(own, readings, Around(meter, 2 * kSecond, kSecond));
  EXPECT_TRUE(absl::IsNotFound(match.status()));
}

TEST(ChirpSearch, SaysWhereThePatternIsTwice) {
  std::mt19937_64 random(1);
  const SyntheticMeter meter{.rate_hz = 1000};
  const auto once = PlayedAt(kPlayed, UsualChirp(1)),
             again = PlayedAt(kPlayed + 4 * kSecond, UsualChirp(1));
  const auto readings =
      meter.Readings({once, again}, kPlayed - 8 * kSecond, kPlayed + 12 * kSecond, random);
  const auto match = FindChirp(once, readings, Around(meter, 5 * kSecond, 5 * kSecond));
  ASSERT_TRUE(absl::IsNotFound(match.status()));
  EXPECT_NE(match.status().message().find("two places"), std::string::npos) << match.status();
}

TEST(ChirpSearch, RefusesAMeterThatIsSlowerThanTheChips) {
  const auto found = Find({.rate_hz = 10}, 1);
  ASSERT_TRUE(absl::IsNotFound(found.status()));
  EXPECT_NE(found.status().message().find("ms apart"), std::string::npos) << found.status();
}

TEST(ChirpSearch, FindsNothingWhereReadingsAreMissingMostOfTheTime) {
  std::mt19937_64 random(1);
  const SyntheticMeter meter{.rate_hz = 1000};
  const auto played = PlayedAt(kPlayed, UsualChirp(1));
  auto readings = meter.Readings({played}, kPlayed - 8 * kSecond, kPlayed + 12 * kSecond, random);
  std::erase_if(readings, [](const PowerSample& r) {
    return r.at_ns > kPlayed + kSecond / 2 && r.at_ns < kPlayed + 2 * kSecond;
  });
  const auto match = FindChirp(played, readings, Around(meter, 2 * kSecond, kSecond));
  EXPECT_TRUE(absl::IsNotFound(match.status())) << match.status();
}

TEST(ChirpSearch, DoesNotLookBeyondWhatItIsTold) {
  std::mt19937_64 random(1);
  const SyntheticMeter meter{.rate_hz = 1000, .offset_ns = 5 * kSecond};
  const auto played = PlayedAt(kPlayed, UsualChirp(1));
  const auto readings =
      meter.Readings({played}, kPlayed - 8 * kSecond, kPlayed + 12 * kSecond, random);
  const auto match =
      FindChirp(played, readings, {.lowest_offset_ns = -kSecond, .highest_offset_ns = kSecond});
  EXPECT_TRUE(absl::IsNotFound(match.status())) << match.status();
}

TEST(ChirpSearch, RefusesARecordWithoutAPattern) {
  v1::ChirpPlayed played = PlayedAt(kPlayed, UsualChirp(1));
  played.set_edge_ns(3, played.edge_ns(2));
  EXPECT_TRUE(absl::IsInvalidArgument(FindChirp(played, {}, {}).status()));
  played.clear_edge_ns();
  EXPECT_TRUE(absl::IsInvalidArgument(FindChirp(played, {}, {}).status()));
}

}  // namespace
}  // namespace synergy
