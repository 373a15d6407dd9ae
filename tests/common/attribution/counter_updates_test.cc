#include "common/attribution/counter_updates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "common/attribution/rail_readings.h"
#include "tests/support/run_builder.h"

namespace synergy {
namespace {

struct CounterOptions {
  double period_ns = 1.03e6;
  double phase_ns = 321'000;
  double read_every_ns = 1e6;
  double late_ns = 50e3;    // on average
  double jitter_ns = 0;     // of updates
  int64_t read_ns = 4'000;  // that a read takes
  size_t reads = 4000;
};

// Microjoules of 5 W, and 10 W in every other 20 ms.
double EnergyUj(double ns) {
  const double full = std::floor(ns / 40e6), rest = ns - full * 40e6;
  return 1e-3 * (full * 300e6 + 5 * std::min(rest, 20e6) + 10 * std::max(0.0, rest - 20e6));
}

constexpr int64_t kOrigin = 7'000'000'000;

std::vector<Reading> Reads(const CounterOptions& o, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> late(1 / o.late_ns);
  std::normal_distribution<double> jitter;
  std::vector<double> updates;
  for (double at = o.phase_ns; at < 1.1 * o.read_every_ns * static_cast<double>(o.reads);
       at += o.period_ns) {
    updates.push_back(at + o.jitter_ns * jitter(random));
  }
  std::vector<Reading> reads;
  size_t shown = 0;
  for (size_t i = 2; i < o.reads; ++i) {
    const double at = o.read_every_ns * static_cast<double>(i) + late(random);
    while (shown + 1 < updates.size() && updates[shown + 1] <= at) ++shown;
    const auto middle = kOrigin + static_cast<int64_t>(at);
    reads.push_back({middle - o.read_ns / 2, middle + o.read_ns / 2,
                     static_cast<int64_t>(EnergyUj(updates[shown])), Freshness::kUnknown});
  }
  return reads;
}

TEST(CounterUpdates, AreFoundToSomeMicrosecondsWhateverTheClock) {
  uint64_t seed = 0;
  for (const double period_ns : {0.93e6, 0.9601e6, 0.9995e6, 1.0004e6, 1.03e6, 1.0613e6, 1.09e6}) {
    CounterOptions options;
    options.period_ns = period_ns;
    options.read_every_ns = 0.9e6;
    const std::vector<Reading> reads = Reads(options, ++seed);
    const auto clock = FindCounterClock(reads, 1e6, 0.1);
    ASSERT_TRUE(clock.has_value()) << period_ns;
    EXPECT_NEAR(clock->period_ns, period_ns, 10);
    EXPECT_LT(clock->sd_ns, 10e3);
    const double first =
        static_cast<double>(reads.front().begin_ns + options.read_ns / 2 - kOrigin);
    // Some update in the middle of the reads.
    const double at = options.phase_ns + 2000 * period_ns;
    const double turns = (at - first - clock->phase_ns) / clock->period_ns;
    EXPECT_NEAR((turns - std::round(turns)) * period_ns, 0, 15e3) << period_ns;
  }
}

TEST(CounterUpdates, WindowsHoldTheEnergyThatWasUsedInThem) {
  const std::vector<Reading> reads = Reads({}, 5);
  const CounterWindows found = WindowsOfCounter(reads, 1e6, 0.1);
  ASSERT_GT(found.windows.size(), 3000u);
  double last_end = 0;
  for (const CounterWindow& w : found.windows) {
    const double used = EnergyUj(w.end_ns - kOrigin) - EnergyUj(w.begin_ns - kOrigin);
    // 10 W in 15 us, at either end, and a count's rounding.
    EXPECT_NEAR(w.counts, used, 2 * 150 + 2);
    EXPECT_GE(w.begin_ns, last_end - 1);
    last_end = w.end_ns;
  }
}

TEST(CounterUpdates, AreNotClaimedWhereNothingTellsThem) {
  CounterOptions slow;
  slow.read_every_ns = 10e6;
  EXPECT_FALSE(FindCounterClock(Reads(slow, 1), 1e6, 0.1).has_value()) << "ten updates a read";
  slow.read_every_ns = 1e6;
  slow.period_ns = 0.93e6;
  slow.late_ns = 1e3;
  EXPECT_FALSE(FindCounterClock(Reads(slow, 1), 1e6, 0.1).has_value()) << "each read is another";
  CounterOptions wild;
  wild.jitter_ns = 400e3;
  EXPECT_FALSE(FindCounterClock(Reads(wild, 1), 1e6, 0.1).has_value()) << "no steady clock";
  CounterOptions few;
  few.reads = 100;
  EXPECT_FALSE(FindCounterClock(Reads(few, 1), 1e6, 0.1).has_value());
  EXPECT_TRUE(WindowsOfCounter({}, 1e6, 0.1).windows.empty());
}

TEST(CounterUpdates, ACounterThatWasResetHasNoWindowThere) {
  std::vector<Reading> reads = Reads({}, 5);
  for (size_t i = 2000; i < reads.size(); ++i) reads[i].raw -= reads[1999].raw;
  for (const CounterWindow& w : WindowsOfCounter(reads, 1e6, 0.1).windows) {
    EXPECT_GT(w.counts, 0);
    EXPECT_LT(w.counts, 200e3) << "20 ms of 10 W";
  }
}

// 5 W and 10 W, in steps of 1 uJ a nominal millisecond.
TEST(CounterUpdates, AreReadingsOfPowerForTheRegression) {
  RunBuilder run;
  run.Rail("package");
  const uint32_t counter = run.Channel("package", v1::ChannelInfo::QUANTITY_ENERGY_COUNTER, 1e-6);
  v1::Window* window = run.header().mutable_channels(0)->mutable_window();
  window->set_slot_s(1e-3);
  window->set_period_s(1e-3);
  window->set_period_tolerance(0.1);
  run.WriteHeader();
  run.Write(counter, Reads({}, 5));
  RunData data;
  for (const v1::Chunk& chunk : run.chunks()) ASSERT_TRUE(data.Add(chunk).ok());
  const std::vector<RailReadings> rails = ReadingsOf(data, WholeOf(data));
  ASSERT_EQ(rails.size(), 1u);
  EXPECT_TRUE(rails[0].channel.window().stamps_are_window());
  EXPECT_EQ(rails[0].channel.quantity(), v1::ChannelInfo::QUANTITY_POWER);
  EXPECT_GT(rails[0].channel.window().edge_sd_s(), 0);
  double sum = 0, seconds = 0;
  for (const StepReading& r : rails[0].readings) {
    const double watts = r.steps * rails[0].channel.scale();
    EXPECT_GT(watts, 4.5);
    EXPECT_LT(watts, 10.5);
    sum += watts * (r.end_ns - r.begin_ns);
    seconds += r.end_ns - r.begin_ns;
  }
  EXPECT_NEAR(sum / seconds, 7.5, 0.05);
}

}  // namespace
}  // namespace synergy
