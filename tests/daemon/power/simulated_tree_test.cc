#include "daemon/power/simulated_tree.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/power/board.h"
#include "tests/daemon/power/function_trace.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

struct Bench {
  FakeClock clock;
  FunctionTrace trace = FunctionTrace::Constant(2, 12);  // 24 W
  std::shared_ptr<SimulatedFaults> faults = *SimulatedFaults::Create({}, {}, 1, clock);
  SimulatedRailView view{
      .rail = "package-0", .index = 0, .trace = &trace, .faults = faults.get(), .clock = &clock};
};

int64_t Number(const absl::StatusOr<std::string>& text) { return std::stoll(*text); }

TEST(SimulatedEnergyCounter, TwentyFourWattsForThreeSecondsAre72Joules) {
  Bench bench;
  SimulatedEnergyCounter counter(bench.view, 1e5, 1.0);
  const int64_t before = Number(counter.Read());
  for (int i = 0; i < 3000; ++i) {
    bench.clock.Advance(Milliseconds(1));
    counter.Read().IgnoreError();
  }
  EXPECT_NEAR(static_cast<double>(Number(counter.Read()) - before) * 1e-6, 72, 0.05);
}

TEST(SimulatedEnergyCounter, ChangesOnceAMillisecondOfItsOwnClock) {
  Bench bench;
  SimulatedEnergyCounter counter(bench.view, 1e5, 1.04);
  int changes = 0;
  int64_t last = Number(counter.Read());
  for (int i = 0; i < 10'000; ++i) {
    bench.clock.Advance(Microseconds(100));
    const int64_t now = Number(counter.Read());
    changes += now != last ? 1 : 0;
    last = now;
  }
  EXPECT_NEAR(changes, 1000 / 1.04, 1);
}

TEST(SimulatedEnergyCounter, BeginsAgainAfterItsRange) {
  Bench bench;
  SimulatedEnergyCounter counter(bench.view, 1.0, 1.0);
  const int64_t before = Number(counter.Read());
  bench.clock.Advance(Milliseconds(100));
  const int64_t after = Number(counter.Read());
  EXPECT_LT(after, before);
  const double joules =
      static_cast<double>(SimulatedEnergyCounter::kRangeUj - before + after) * 1e-6;
  EXPECT_NEAR(joules, 2.4, 0.05);
}

TEST(SimulatedGauge, UpdatesOnceASecondWithTheMeanOfIt) {
  FakeClock clock;
  const MonotonicTime begin = clock.Now();
  FunctionTrace trace([begin](size_t, MonotonicTime t) { return (t - begin).seconds(); },
                      [](size_t, MonotonicTime) { return 3.8; });
  const auto faults = *SimulatedFaults::Create({}, {}, 1, clock);
  SimulatedGauge gauge(
      {.rail = "battery", .index = 0, .trace = &trace, .faults = faults.get(), .clock = &clock},
      1.0);
  EXPECT_EQ(gauge.ReadCurrent().status().code(), absl::StatusCode::kUnavailable);
  clock.Advance(Milliseconds(1500));
  EXPECT_NEAR(static_cast<double>(Number(gauge.ReadCurrent())), 500'000, 10);
  EXPECT_EQ(Number(gauge.ReadVoltage()), 3'800'000);
  clock.Advance(Milliseconds(400));
  EXPECT_NEAR(static_cast<double>(Number(gauge.ReadCurrent())), 500'000, 10);
  clock.Advance(Milliseconds(200));
  EXPECT_NEAR(static_cast<double>(Number(gauge.ReadCurrent())), 1'500'000, 10);
}

TEST(SimulatedTree, ListsAndOpensLikeAFolder) {
  SimulatedTree tree;
  tree.Add("class/powercap/intel-rapl:0/name", "package-0");
  tree.Add("class/powercap/intel-rapl:0:0/name", "core");
  EXPECT_EQ(tree.List("/sys/class/powercap"),
            (std::vector<std::string>{"intel-rapl:0", "intel-rapl:0:0"}));
  EXPECT_TRUE(tree.Has("/sys/class/powercap/intel-rapl:0"));
  EXPECT_FALSE(tree.Has("/sys/class/powercap/intel-rapl:1"));
  EXPECT_EQ(*tree.Read("/sys/class/powercap/intel-rapl:0:0/name"), "core");
  EXPECT_EQ(tree.Read("/sys/class/powercap/intel-rapl:1/name").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(SimulatedTree, TheSourcesOfRealCountersAndGaugesReadIt) {
  FakeClock clock;
  Board x86 = *OpenBoard("sim:generic-x86-rapl", 3, clock);
  Board phone = *OpenBoard("sim:snapdragon-820", 3, clock);
  EXPECT_EQ(x86.sources[0]->name(), "rapl");
  EXPECT_EQ(phone.sources[0]->name(), "power_supply battery");
  std::vector<ChannelReading> first, last, gauge;
  ASSERT_TRUE(x86.sources[0]->Read(&first).ok());
  EXPECT_EQ(phone.sources[0]->Read(&gauge).code(), absl::StatusCode::kUnavailable) << "no data yet";
  for (int i = 0; i < 2000; ++i) {
    clock.Advance(Milliseconds(1));
    last.clear();
    ASSERT_TRUE(x86.sources[0]->Read(&last).ok());
  }
  gauge.clear();
  ASSERT_TRUE(phone.sources[0]->Read(&gauge).ok());
  for (size_t i = 0; i < last.size(); ++i) {
    const double watts =
        static_cast<double>(last[i].reading.raw - first[i].reading.raw) * 1e-6 / 2.0;
    EXPECT_GE(watts, 0) << i;
    EXPECT_LT(watts, 20) << i;
  }
  const double amperes = static_cast<double>(gauge[0].reading.raw) * 1e-6;
  const double volts = static_cast<double>(gauge[1].reading.raw) * 1e-6;
  EXPECT_GT(amperes * volts, 1) << "an idle board";
  EXPECT_LT(amperes * volts, 3);
  EXPECT_NEAR(volts, 3.8, 0.1);
}

}  // namespace
}  // namespace synergy
