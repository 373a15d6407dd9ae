#include "daemon/power/simulated_faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "daemon/power/board.h"
#include "tests/support/fake_clock.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;
using Kind = SimulatedFault::Kind;

SimulatedFault Parsed(std::string_view text) {
  const auto fault = ParseSimulatedFault(text);
  EXPECT_TRUE(fault.ok()) << fault.status();
  return fault.value_or(SimulatedFault());
}

TEST(ParseSimulatedFault, TakesKindArgumentAndSpan) {
  const SimulatedFault stuck = Parsed("stuck:VDD_CPU@2-5.5");
  EXPECT_EQ(stuck.kind, Kind::kStuck);
  EXPECT_EQ(stuck.rail, "VDD_CPU");
  EXPECT_EQ(stuck.from_s, 2);
  EXPECT_EQ(stuck.until_s, 5.5);
  EXPECT_EQ(Parsed("missing:package-0 dram").rail, "package-0 dram");
  EXPECT_EQ(Parsed("read-errors").value, 0.05);
  EXPECT_EQ(Parsed("read-errors:0.5@1").value, 0.5);
  EXPECT_EQ(Parsed("read-errors:0.5@1").from_s, 1);
  EXPECT_EQ(Parsed("slow-filter").value, 64);
  EXPECT_EQ(Parsed("slow-filter:16").value, 16);
  EXPECT_EQ(Parsed("throttle:825.6").value, 825.6);
  EXPECT_EQ(Parsed("delay").value, 5);
  EXPECT_EQ(Parsed("drift:0.2@0-40").until_s, 40);
  EXPECT_EQ(Parsed("oscillator-drift:-0.01").value, -0.01);
  EXPECT_EQ(Parsed("varying-power").value, 0.1);
  EXPECT_EQ(Parsed("noise:0.15").value, 0.15);
  EXPECT_EQ(Parsed("conversion:1100").value, 1100);
  EXPECT_EQ(Parsed("short-operators").value, 0.25);
  EXPECT_EQ(Parsed("known-windows").kind, Kind::kKnownWindows);
}

TEST(ParseSimulatedFault, SaysWhatIsAllowed) {
  const auto error = [](std::string_view text) {
    const absl::Status status = ParseSimulatedFault(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    return status.ToString();
  };
  EXPECT_THAT(error("stuk:VDD_CPU"), HasSubstr("did you mean stuck?"));
  EXPECT_THAT(error(""), HasSubstr("stuck, read-errors, slow-filter, missing, throttle"));
  EXPECT_THAT(error("stuck"), HasSubstr("needs a rail"));
  EXPECT_THAT(error("read-errors:2"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(error("read-errors:nan"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(error("slow-filter:5"), HasSubstr("1, 4, 16, 64"));
  EXPECT_THAT(error("throttle@soon"), HasSubstr("seconds"));
  EXPECT_THAT(error("averages:5"), HasSubstr("1, 4, 16, 64"));
  EXPECT_THAT(error("conversion:1000"), HasSubstr("140, 204, 332"));
  EXPECT_THAT(error("noise:1@3"), HasSubstr("noise is there from the start"));
  EXPECT_THAT(error("known-windows@3"), HasSubstr("known-windows is there from the start"));
  EXPECT_THAT(error("known-windows:3"), HasSubstr("takes nothing behind it"));
  EXPECT_THAT(error("short-operators:2"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(error("varying-power:0.5"), HasSubstr("from 0 to 0.25"));
  EXPECT_THAT(error("throttle@5-2"), HasSubstr("seconds"));
}

// A board of a kind with faults, and what its sources read.
struct Faulty {
  explicit Faulty(std::string_view name, std::vector<std::string> texts) {
    SensorAccess access;
    for (const std::string& text : texts) access.faults.push_back(Parsed(text));
    auto opened = OpenBoard(name, 1, clock, access);
    EXPECT_TRUE(opened.ok()) << opened.status();
    board = *std::move(opened);
  }
  // The status of the last read.
  absl::Status ReadFor(Nanoseconds span) {
    readings.clear();
    failed = 0;
    absl::Status last;
    for (const MonotonicTime end = clock.Now() + span; clock.Now() < end;) {
      const MonotonicTime next = clock.Now() + Milliseconds(1);
      last = board.sources[0]->Read(&readings);
      failed += last.ok() ? 0 : 1;
      if (!last.ok()) error = last;
      clock.SleepUntil(next);
    }
    return last;
  }
  std::vector<Reading> Of(uint32_t channel) const {
    std::vector<Reading> own;
    for (const ChannelReading& r : readings) {
      if (r.channel == channel) own.push_back(r.reading);
    }
    return own;
  }

  FakeClock clock;
  Board board;
  std::vector<ChannelReading> readings;
  int failed = 0;
  absl::Status error;
};

bool Constant(const std::vector<Reading>& readings) {
  for (const Reading& r : readings) {
    if (r.raw != readings.front().raw) return false;
  }
  return true;
}

TEST(SimulatedFaults, AStuckRegisterKeepsItsValueAsLongAsItIsToBe) {
  Faulty tx1("sim:jetson-tx1", {"stuck:VDD_IN@0.5-1"});
  EXPECT_TRUE(tx1.ReadFor(Milliseconds(450)).ok());
  EXPECT_FALSE(Constant(tx1.Of(0)));
  EXPECT_TRUE(tx1.ReadFor(Milliseconds(100)).ok());
  EXPECT_TRUE(tx1.ReadFor(Milliseconds(350)).ok());
  EXPECT_TRUE(Constant(tx1.Of(0)));
  EXPECT_FALSE(Constant(tx1.Of(2))) << "VDD_CPU";
  EXPECT_TRUE(tx1.ReadFor(Milliseconds(400)).ok());
  EXPECT_FALSE(Constant(tx1.Of(0)));
}

// Each reading of an idle board is one slot of 140 us, within what the oscillator's error allows,
// that ended before the read; the same one again is a repeat.
TEST(SimulatedFaults, KnownWindowsAreThoseOfTheConversionsThatAreShown) {
  Faulty plain("sim:jetson-tx1", {}), known("sim:jetson-tx1", {"known-windows"});
  ASSERT_TRUE(known.board.sources[0]->channels()[0].window().stamps_are_window());
  EXPECT_FALSE(plain.board.sources[0]->channels()[0].window().stamps_are_window());
  EXPECT_TRUE(plain.ReadFor(Milliseconds(100)).ok());
  EXPECT_TRUE(known.ReadFor(Milliseconds(100)).ok());
  for (const uint32_t channel : {0u, 2u, 3u}) {
    const std::vector<Reading> reads = plain.Of(channel), windows = known.Of(channel);
    ASSERT_EQ(windows.size(), reads.size());
    for (size_t i = 0; i < windows.size(); ++i) {
      EXPECT_EQ(windows[i].raw, reads[i].raw);
      EXPECT_NEAR(static_cast<double>(windows[i].end_ns - windows[i].begin_ns), 140e3, 15e3);
      EXPECT_LT(windows[i].end_ns, reads[i].end_ns);
      EXPECT_GT(windows[i].end_ns, reads[i].begin_ns - 1'000'000);
      if (i == 0) continue;
      const bool same = windows[i].begin_ns == windows[i - 1].begin_ns;
      EXPECT_EQ(windows[i].freshness, same ? Freshness::kRepeat : Freshness::kFresh);
      EXPECT_GE(windows[i].begin_ns, windows[i - 1].begin_ns);
    }
  }
}

TEST(SimulatedFaults, KnownWindowsAreOfConversionsThatNothingAverages) {
  FakeClock clock;
  const auto status = [&](std::string_view board, std::vector<std::string> texts) {
    SensorAccess access;
    for (const std::string& text : texts) access.faults.push_back(Parsed(text));
    return OpenBoard(board, 1, clock, access).status().ToString();
  };
  EXPECT_THAT(status("sim:jetson-tx1", {"known-windows", "averages:64"}),
              HasSubstr("has no window of its own"));
  EXPECT_THAT(status("sim:generic-x86-rapl", {"known-windows"}), HasSubstr("this board has none"));
}

TEST(SimulatedFaults, ReadsFailAsOftenAsTheyAreTo) {
  Faulty tx1("sim:jetson-tx1", {"read-errors:0.1"});
  tx1.ReadFor(Milliseconds(2000)).IgnoreError();
  EXPECT_EQ(tx1.error.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(tx1.error.ToString(), HasSubstr("SIMULATED"));
  // Four reads a tick.
  EXPECT_NEAR(tx1.failed / 2000.0, 1 - 0.9 * 0.9 * 0.9 * 0.9, 0.05);
}

TEST(SimulatedFaults, AMissingChannelCostsItsOwnReadingsOnly) {
  Faulty tx1("sim:jetson-tx1", {"missing:VDD_GPU"});
  EXPECT_EQ(tx1.ReadFor(Milliseconds(100)).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(tx1.Of(1).empty());
  EXPECT_EQ(tx1.Of(0).size(), 100u);
  EXPECT_EQ(tx1.Of(2).size(), 100u);
  EXPECT_THAT(tx1.error.ToString(), HasSubstr("VDD_GPU"));
}

TEST(SimulatedFaults, ASlowFilterIsFoundWithinASecondAndEndsTheSource) {
  Faulty tx1("sim:jetson-tx1", {"slow-filter@0.2"});
  EXPECT_EQ(tx1.ReadFor(Milliseconds(1900)).code(), absl::StatusCode::kOk) << "checked once";
  EXPECT_EQ(tx1.error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(tx1.error.ToString(), HasSubstr("other drivers and programs"));
}

TEST(SimulatedFaults, AQuietSensorRepeatsItselfAndANoisyOneDoesNot) {
  const auto spread = [](const std::string& noise) {
    Faulty tx1("sim:jetson-tx1", {noise});
    EXPECT_TRUE(tx1.ReadFor(Milliseconds(2000)).ok());
    double sum = 0, squares = 0;
    const std::vector<Reading> readings = tx1.Of(0);
    for (const Reading& r : readings) {
      sum += static_cast<double>(r.raw);
      squares += static_cast<double>(r.raw * r.raw);
    }
    const auto count = static_cast<double>(readings.size());
    return std::sqrt(squares / count - sum / count * sum / count);
  };
  EXPECT_EQ(spread("noise:0"), 0) << "an idle board";
  EXPECT_NEAR(spread("noise:3"), 3, 0.3);
}

TEST(SimulatedFaults, GainsAreOffByAsMuchAsAsked) {
  // The current of an idle board in steps, without noise: what boards differ by is their gain.
  const auto mean = [](const std::string& gain) {
    Faulty tx1("sim:jetson-tx1", {"noise:0", gain});
    EXPECT_TRUE(tx1.ReadFor(Milliseconds(200)).ok());
    return static_cast<double>(tx1.Of(0).back().raw);
  };
  const double exact = mean("gain:0");
  EXPECT_NEAR(mean("gain:0.0001"), exact, 1);
  EXPECT_GT(std::abs(mean("gain:0.5") - exact), 0.005 * exact) << "drawn evenly from +- 50 %";
}

TEST(SimulatedFaults, SettingsThatABoardDoesNotTakeAreInItsWindows) {
  Faulty tx1("sim:jetson-tx1", {"averages:64", "conversion:1100"});
  const v1::Window& window = tx1.board.sources[0]->channels()[0].window();
  EXPECT_DOUBLE_EQ(window.period_s(), 6.6e-3) << "the chip as it is reset";
  EXPECT_EQ(window.average(), 64u) << "a filter of 0.42 s";
  const auto on_battery =
      OpenBoard("sim:snapdragon-820", 1, tx1.clock, {.faults = {Parsed("conversion")}});
  EXPECT_THAT(on_battery.status().ToString(),
              HasSubstr("conversion is of an INA3221, and this board has none"));
}

TEST(SimulatedFaults, ADriftingOscillatorConvertsLessOften) {
  // Read without a pause, and so noisy that each conversion gives another value.
  const auto conversions = [](std::vector<std::string> faults) {
    Faulty tx1("sim:jetson-tx1", std::move(faults));
    for (const MonotonicTime end = tx1.clock.Now() + Seconds(4); tx1.clock.Now() < end;) {
      EXPECT_TRUE(tx1.board.sources[0]->Read(&tx1.readings).ok());
    }
    double changes = 0;
    const std::vector<Reading> readings = tx1.Of(0);
    for (size_t i = 1; i < readings.size(); ++i) changes += readings[i].raw != readings[i - 1].raw;
    return changes;
  };
  // 5 % slower or faster on average over the four seconds.
  const double usual = conversions({"noise:50"});
  EXPECT_GT(usual, 4 / 840e-6 * 0.89);
  EXPECT_NEAR(conversions({"noise:50", "oscillator-drift:0.1@0-4"}) / usual, 1 / 1.05, 0.01);
  EXPECT_NEAR(conversions({"noise:50", "oscillator-drift:-0.1@0-4"}) / usual, 1 / 0.95, 0.01);
}

TEST(SimulatedFaults, ACounterAndAGaugeHaveThemToo) {
  Faulty x86("sim:generic-x86-rapl", {"missing:package-0 dram", "stuck:package-0 core@0.1"});
  EXPECT_EQ(x86.ReadFor(Milliseconds(300)).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(x86.Of(2).empty());
  const std::vector<Reading> core = x86.Of(1), package = x86.Of(0);
  EXPECT_EQ(core[150].raw, core[299].raw);
  EXPECT_LT(package[150].raw, package[299].raw);
}

// A counter counts what its rail has drawn up to its last update: a constant rail draws the same
// whatever the period, but an update that comes later shows later.
TEST(SimulatedFaults, ACountersUpdatesDriftToo) {
  const auto updates = [](std::vector<std::string> faults) {
    Faulty x86("sim:generic-x86-rapl", std::move(faults));
    EXPECT_TRUE(x86.ReadFor(Seconds(4)).ok());
    return static_cast<double>(x86.Of(0).back().raw - x86.Of(0).front().raw);
  };
  EXPECT_NEAR(updates({"oscillator-drift:0.2@0-4"}) / updates({}), 1, 1e-3);
}

TEST(SimulatedFaults, ThrottlingLowersTheClockAndSaysHowFar) {
  Faulty tx1("sim:jetson-tx1", {"throttle:825.6@1-2"});
  BoardSimulation& simulation = *tx1.board.simulation;
  EXPECT_FALSE(simulation.throttled_khz().has_value());
  EXPECT_EQ(simulation.CpuKhz(0), 1'734'000);
  tx1.clock.Advance(Milliseconds(1100));
  EXPECT_EQ(simulation.throttled_khz(), 825'600);
  EXPECT_EQ(simulation.CpuKhz(0), 825'600);
  simulation.SetCpuSpeeds({{.idle_khz = 102'000, .busy_khz = 1'734'000, .cores_on = 4}});
  EXPECT_EQ(simulation.CpuKhz(0), 102'000) << "idle, and below it anyway";
  tx1.clock.Advance(Milliseconds(1000));
  EXPECT_FALSE(simulation.throttled_khz().has_value());
}

TEST(SimulatedFaults, ThrottlingHoldsEachPolicyToAFrequencyOfItsOwn) {
  Faulty snapdragon("sim:snapdragon-820", {"throttle:900"});
  BoardSimulation& simulation = *snapdragon.board.simulation;
  snapdragon.clock.Advance(Milliseconds(1));
  EXPECT_EQ(simulation.CpuKhz(0), 844'800);
  EXPECT_EQ(simulation.CpuKhz(1), 883'200);
}

TEST(SimulatedFaults, AreAmongTheBoardsNotesAndTheRunsNotices) {
  Faulty tx1("sim:jetson-tx1", {"stuck:VDD_IN"});
  const auto& notes = tx1.board.info.notes();
  EXPECT_TRUE(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("SIMULATED fault stuck:VDD_IN") != std::string::npos;
  }));
  std::string all;
  for (const std::string& line : tx1.board.simulation->Disclaimers()) all += line + "\n";
  EXPECT_THAT(all, HasSubstr("SIMULATED fault stuck:VDD_IN"));
}

TEST(SimulatedFaults, AreRefusedForUnknownRailsAndRealBoards) {
  FakeClock clock;
  SensorAccess access{.faults = {Parsed("stuck:VDD_DRAM")}};
  const absl::Status unknown = OpenBoard("sim:jetson-tx1", 1, clock, access).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(unknown.ToString(), HasSubstr("VDD_IN, VDD_GPU, VDD_CPU"));
  const absl::Status real = OpenBoard("jetson-tx1", 1, clock, access).status();
  EXPECT_EQ(real.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(real.ToString(), HasSubstr("only simulated boards"));
}

}  // namespace
}  // namespace synergy
