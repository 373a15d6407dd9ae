#include "common/records/conversion_cycle.h"

#include <gtest/gtest.h>

#include <cmath>

namespace synergy {
namespace {

constexpr double kNominalS = 6.6e-3;
constexpr double kTolerance = 0.1;

MonotonicTime At(double s) { return {1'000'000'000 + std::llround(s * 1e9)}; }

// A register whose conversions end at phase + (n + offset) x period, read each millisecond; each
// read lasts 0.2 ms, and the value was taken in the middle of it.
struct FreeRunner {
  double period_s = kNominalS * 1.07;
  double phase_s = 0.0031;

  int64_t Number(double at_s, double offset) const {
    return static_cast<int64_t>(std::floor((at_s - phase_s) / period_s - offset));
  }
};

TimeSpan Read(double at_s) { return {At(at_s), At(at_s + 0.2e-3)}; }

// Tells the cycle of each change up to `until_s`; a change shows every `every`-th time.
void Watch(const FreeRunner& chip, double from_s, double until_s, int every, double offset,
           ConversionCycle* cycle) {
  for (double t = from_s + 1e-3; t < until_s; t += 1e-3) {
    const int64_t now = chip.Number(t + 0.1e-3, offset);
    if (now == chip.Number(t - 0.9e-3, offset) || now % every != 0) continue;
    cycle->OnConversion(offset, {Read(t - 1e-3).earliest, Read(t).latest});
  }
}

TEST(ConversionCycle, ClaimsNothingBeforeAnythingWasSeen) {
  const ConversionCycle cycle(kNominalS, kTolerance);
  EXPECT_FALSE(cycle.LastBefore(1, Read(0)).has_value());
  EXPECT_DOUBLE_EQ(cycle.shortest_s(), kNominalS * 0.9);
  EXPECT_DOUBLE_EQ(cycle.longest_s(), kNominalS * 1.1);
}

TEST(ConversionCycle, ClaimsNothingWithoutAPeriod) {
  ConversionCycle cycle(0, 0);
  cycle.OnConversion(1, Read(0));
  EXPECT_FALSE(cycle.LastBefore(1, Read(0)).has_value());
}

TEST(ConversionCycle, FindsThePeriodOfAChipThatIsFast) {
  const FreeRunner chip{.period_s = kNominalS * 0.93};
  ConversionCycle cycle(kNominalS, kTolerance);
  Watch(chip, 0, 4, 1, 1, &cycle);
  EXPECT_LE(cycle.shortest_s(), chip.period_s);
  EXPECT_GE(cycle.longest_s(), chip.period_s);
  EXPECT_LT(cycle.longest_s() - cycle.shortest_s(), 1e-3 * kNominalS);
  EXPECT_EQ(cycle.contradictions(), 0u);
}

TEST(ConversionCycle, NumbersHoldTheTrueConversionAtEveryOscillatorAndOffset) {
  for (const double off : {-0.1, -0.03, 0.0, 0.05, 0.1}) {
    const FreeRunner chip{.period_s = kNominalS * (1 + off)};
    ConversionCycle cycle(kNominalS, kTolerance);
    for (const double offset : {0.25, 1.0}) Watch(chip, 0, 1, 1, offset, &cycle);
    Watch(chip, 1, 3, 3, 0.5, &cycle);
    int sure = 0, reads = 0;
    std::optional<int64_t> shift;  // the cycle's numbers begin anywhere
    for (double t = 3.0; t < 4.0; t += 0.7e-3) {
      const auto number = cycle.LastBefore(0.5, Read(t));
      ASSERT_TRUE(number.has_value());
      EXPECT_LE(number->highest - number->lowest, 1);
      ++reads;
      if (number->lowest != number->highest) continue;
      ++sure;
      const int64_t difference = number->lowest - chip.Number(t + 0.1e-3, 0.5);
      EXPECT_EQ(shift.value_or(difference), difference) << t;
      shift = difference;
    }
    EXPECT_GT(sure, reads / 2) << off;
  }
}

TEST(ConversionCycle, TheEndOfTheLastConversionIsWhereItWas) {
  const FreeRunner chip;
  ConversionCycle cycle(kNominalS, kTolerance);
  Watch(chip, 0, 4, 1, 1, &cycle);
  int known = 0;
  for (double t = 4.0; t < 4.2; t += 1e-3) {
    const auto end = cycle.EndOfLastBefore(1, Read(t));
    if (!end) continue;
    ++known;
    const double number = static_cast<double>(chip.Number(t + 0.1e-3, 1));
    const MonotonicTime truth = At(chip.phase_s + (number + 1) * chip.period_s);
    EXPECT_LE(end->earliest, truth);
    EXPECT_GE(end->latest, truth);
    EXPECT_LT((end->latest - end->earliest).seconds(), 1.5e-3);
  }
  EXPECT_GT(known, 100);
}

TEST(ConversionCycle, KnowsLessTheLongerNothingChanges) {
  const FreeRunner chip;
  ConversionCycle cycle(kNominalS, kTolerance);
  Watch(chip, 0, 4, 1, 1, &cycle);
  const auto soon = cycle.LastBefore(1, Read(5));
  const auto late = cycle.LastBefore(1, Read(100));
  EXPECT_LE(soon->highest - soon->lowest, 1);
  EXPECT_GT(late->highest - late->lowest, 1);
}

TEST(ConversionCycle, AChangeThatIsLongAfterTheLastStartsAnewWithThePeriodThatIsKnown) {
  const FreeRunner chip;
  ConversionCycle cycle(kNominalS, kTolerance);
  Watch(chip, 0, 2, 1, 1, &cycle);
  const auto before = cycle.LastBefore(1, Read(2));
  const double shortest = cycle.shortest_s(), longest = cycle.longest_s();
  Watch(chip, 200, 200.2, 1, 1, &cycle);
  EXPECT_NE(cycle.LastBefore(1, Read(200.2))->epoch, before->epoch);
  EXPECT_GE(cycle.shortest_s(), shortest * 0.999);
  EXPECT_LE(cycle.longest_s(), longest * 1.001);
  EXPECT_EQ(cycle.contradictions(), 0u);
}

TEST(ConversionCycle, ReadsThatAreFartherApartThanConversionsSayNothing) {
  ConversionCycle cycle(0.84e-3, kTolerance);
  cycle.OnConversion(1, {At(0), At(1e-3)});
  const double longest = cycle.longest_s();
  for (int i = 1; i < 100; ++i) cycle.OnConversion(1, {At(i * 1e-3), At((i + 1) * 1e-3)});
  EXPECT_EQ(cycle.longest_s(), longest);
}

TEST(ConversionCycle, GivesUpWhatHasNoSingleCycle) {
  ConversionCycle cycle(kNominalS, kTolerance);
  // Changes 2 ms apart: two conversions a period make this value.
  for (int i = 0; i < 20; ++i) cycle.OnConversion(1, Read(2e-3 * i));
  EXPECT_EQ(cycle.contradictions(), ConversionCycle::kMostContradictions);
  EXPECT_FALSE(cycle.LastBefore(1, Read(0.05)).has_value());
}

TEST(ConversionCycle, FollowsAnOscillatorThatDrifts) {
  ConversionCycle cycle(kNominalS, kTolerance);
  double next_s = 0.003, period_s = kNominalS;
  int64_t number = 0;
  std::optional<int64_t> shift;
  int sure = 0;
  for (double t = 0; t < 60; t += 1e-3) {
    bool ended = false;
    while (next_s <= t + 0.1e-3) {
      ++number;
      ended = true;
      period_s *= 1 + 1e-5 * period_s;  // 10 ppm a second
      next_s += period_s;
    }
    if (ended) cycle.OnConversion(0, {Read(t - 1e-3).earliest, Read(t).latest});
    const auto seen = cycle.LastBefore(0, Read(t));
    if (t < 1 || !seen || seen->lowest != seen->highest) continue;
    ++sure;
    const int64_t difference = seen->lowest - number;
    ASSERT_EQ(shift.value_or(difference), difference) << t;
    shift = difference;
  }
  EXPECT_GT(sure, 30'000);
  EXPECT_EQ(cycle.contradictions(), 0u);
}

}  // namespace
}  // namespace synergy
