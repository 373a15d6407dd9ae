#include "common/clock_comparison/arrivals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace synergy {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

struct Line {
  int64_t stamp_ns;
  int64_t arrival_ns;
};

// Lines every `period_ns` that arrive after a delay of at least 200 us.
struct Source {
  int64_t period_ns = kMs;
  int64_t offset_ns = 1'000 * kSecond;  // stamps minus host's clock
  double drift_ppm = 50;
  double delay_ns = 100'000;  // beyond the least, on average
  double missing = 0;
  std::mt19937_64 random{5};

  template <typename Jump>
  std::vector<Line> Lines(int64_t from_ns, int64_t to_ns, const Jump& jump) {
    std::exponential_distribution<double> delay(1 / delay_ns);
    std::uniform_real_distribution<double> share(0, 1);
    std::vector<Line> lines;
    int64_t last = 0;
    for (int64_t at = from_ns; at < to_ns; at += period_ns) {
      const int64_t stamp =
          at + offset_ns + jump(at) + std::llround(static_cast<double>(at) * drift_ppm * 1e-6);
      last = std::max(last, at + 200'000 + static_cast<int64_t>(delay(random)));
      if (share(random) < missing) continue;
      lines.push_back({stamp, last});
    }
    return lines;
  }
};

Arrivals Of(const std::vector<Line>& lines) {
  Arrivals arrivals;
  for (const Line& line : lines) arrivals.Add(line.stamp_ns, line.arrival_ns);
  return arrivals;
}

const auto kNoJump = [](int64_t) { return int64_t{0}; };

TEST(Arrivals, FindNoJumpInASteadyClock) {
  for (const int64_t period : {100'000L, 1L * kMs, 10L * kMs, 100L * kMs}) {
    Source source{.period_ns = period};
    const Arrivals arrivals = Of(source.Lines(0, 60 * kSecond, kNoJump));
    EXPECT_TRUE(arrivals.Jumps().empty()) << period;
    EXPECT_NEAR(static_cast<double>(*arrivals.period_ns()), static_cast<double>(period),
                static_cast<double>(period) * 1e-3);
  }
}

TEST(Arrivals, FindNoJumpWhereReadingsAreMissing) {
  Source source{.missing = 0.05};
  EXPECT_TRUE(Of(source.Lines(0, 30 * kSecond, kNoJump)).Jumps().empty());
}

TEST(Arrivals, FindNoJumpInRandomClocksThatHaveNone) {
  std::mt19937_64 random(7);
  const auto between = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  for (int i = 0; i < 100; ++i) {
    Source source{.period_ns = static_cast<int64_t>(1e9 / std::pow(10, between(1, 3.5))),
                  .drift_ppm = between(-100, 100),
                  .delay_ns = std::pow(10, between(4, 6.3)),
                  .missing = between(0, 0.05)};
    source.random.seed(static_cast<uint64_t>(i));
    EXPECT_TRUE(Of(source.Lines(0, 25 * kSecond, kNoJump)).Jumps().empty()) << i;
  }
}

TEST(Arrivals, FindNoJumpWhereLinesAreHeldUp) {
  Source source;
  std::vector<Line> lines = source.Lines(0, 30 * kSecond, kNoJump);
  for (Line& line : lines) {  // nothing comes for a second, then all at once
    if (line.arrival_ns > 10 * kSecond && line.arrival_ns < 11 * kSecond) {
      line.arrival_ns = 11 * kSecond;
    }
  }
  EXPECT_TRUE(Of(lines).Jumps().empty());
}

TEST(Arrivals, FindAJumpWithItsPlaceAndSize) {
  std::mt19937_64 random(11);
  for (const int64_t period : {100'000L, 1L * kMs, 10L * kMs}) {
    for (const int64_t step : {50 * kMs, -50 * kMs, 3'600 * kSecond, 7 * kMs, -7 * kMs}) {
      if (std::abs(step) < period) continue;
      Source source{.period_ns = period};
      const Arrivals arrivals = Of(
          source.Lines(0, 30 * kSecond, [&](int64_t at) { return at >= 12 * kSecond ? step : 0; }));
      const std::vector<ClockJump> jumps = arrivals.Jumps();
      ASSERT_EQ(jumps.size(), 1u) << period << " " << step;
      EXPECT_EQ(jumps[0].line, static_cast<uint64_t>(12 * kSecond / period)) << step;
      EXPECT_LE(std::abs(jumps[0].step_ns - step), jumps[0].bound_ns) << period << " " << step;
      EXPECT_LT(jumps[0].bound_ns, 2 * kMs);
    }
  }
}

// A line every 10 ms, sent by a timer of 10.25 ms: later and later, and every 0.4 s two at once.
TEST(Arrivals, FindAJumpInLinesThatATimerOfAnotherPeriodSends) {
  for (const int64_t jump : {50 * kMs, -50 * kMs}) {
    Arrivals arrivals;
    int64_t at = 0;
    for (int64_t poll = 0; poll < 2'700 * kMs; poll += 10'250'000) {
      for (; at <= poll; at += 10 * kMs) {
        arrivals.Add(kSecond + at + (at > 700 * kMs ? jump : 0), poll + 100'000);
      }
    }
    const auto jumps = arrivals.Jumps();
    ASSERT_EQ(jumps.size(), 1u) << jump;
    EXPECT_NEAR(static_cast<double>(jumps[0].step_ns), static_cast<double>(jump),
                static_cast<double>(jumps[0].bound_ns));
  }
}

TEST(Arrivals, FindAJumpBesideWhichReadingsAreMissing) {
  Source source{.period_ns = 10 * kMs};
  std::vector<Line> lines =
      source.Lines(0, 30 * kSecond, [&](int64_t at) { return at >= 12 * kSecond ? 53 * kMs : 0; });
  lines.erase(lines.begin() + 1198, lines.begin() + 1205);
  const std::vector<ClockJump> jumps = Of(lines).Jumps();
  ASSERT_EQ(jumps.size(), 1u);
  EXPECT_LE(std::abs(jumps[0].step_ns - 53 * kMs), jumps[0].bound_ns);
  EXPECT_GE(jumps[0].place_bound_ns, 70 * kMs);
}

TEST(Arrivals, FindSeveralJumps) {
  Source source;
  const std::vector<ClockJump> jumps = Of(source.Lines(0, 30 * kSecond, [&](int64_t at) {
                                         return (at >= 10 * kSecond ? 50 * kMs : 0) +
                                                (at >= 10 * kSecond + 300 * kMs ? -80 * kMs : 0) +
                                                (at >= 20 * kSecond ? 20 * kMs : 0);
                                       })).Jumps();
  ASSERT_EQ(jumps.size(), 3u);
  EXPECT_NEAR(static_cast<double>(jumps[0].step_ns), 50e6, 1e6);
  EXPECT_NEAR(static_cast<double>(jumps[1].step_ns), -80e6, 1e6);
  EXPECT_NEAR(static_cast<double>(jumps[2].step_ns), 20e6, 1e6);
}

TEST(Arrivals, KeepLittleOfManyLines) {
  Source source{.period_ns = 10 * kMs};
  const Arrivals arrivals = Of(source.Lines(0, 4'000 * kSecond, kNoJump));
  EXPECT_LE(arrivals.floors().size(), 8192u);
  EXPECT_GE(arrivals.floors().size(), 4000u);
  EXPECT_EQ(arrivals.lines(), 400'000u);
}

TEST(Arrivals, StampsOfAnyDistanceGiveAPeriodThatCanBeComputedWith) {
  Arrivals arrivals;
  for (int i = 0; i < 8; ++i) {
    arrivals.Add(i % 2 == 0 ? 0 : std::numeric_limits<int64_t>::max(), i * kSecond);
  }
  ASSERT_TRUE(arrivals.period_ns().has_value());
  EXPECT_LE(*arrivals.period_ns(), std::numeric_limits<int64_t>::max() / 1000);
}

TEST(Arrivals, LeastLagIsThatOfTheQuickestLine) {
  Source source{.drift_ppm = 0};
  const Arrivals arrivals = Of(source.Lines(0, 10 * kSecond, kNoJump));
  const auto lag = arrivals.LeastLag(2 * kSecond, 4 * kSecond);
  ASSERT_TRUE(lag.has_value());
  EXPECT_NEAR(static_cast<double>(*lag + source.offset_ns), 200'000, 5'000);
  EXPECT_FALSE(arrivals.LeastLag(20 * kSecond, 30 * kSecond).has_value());
}

}  // namespace
}  // namespace synergy
