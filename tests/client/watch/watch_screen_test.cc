#include "client/watch/watch_screen.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace synergy {
namespace {

constexpr int64_t kTenth_ns = 100'000'000;

Estimate Joules(double mean, double half) { return {mean, mean - half, mean + half}; }

void AddJob(BoardState* state) {
  v1::JobStatus& job = state->jobs.emplace_back();
  job.set_state(v1::JOB_STATE_RUNNING);
  job.set_run_id("r1");
  job.mutable_spec()->set_net_name("squeezenet");
  job.mutable_spec()->set_iterations(50);
  v1::JobStatus& waiting = state->jobs.emplace_back();
  waiting.set_state(v1::JOB_STATE_QUEUED);
  waiting.mutable_spec()->set_net_name("resnet50");
  state->run.run_id = "r1";
  for (const char* name : {"conv1", "relu1", "pool1"}) {
    state->run.operators.emplace_back().set_name(name);
  }
  LeastSquares& energies = state->run.energies.emplace();
  energies.ops = {0, 1, 2};
  state->run.iterations = 11;
  RailEnergy& rail = energies.rails.emplace_back();
  rail.rail = "VDD_IN";
  rail.inference_j = Joules(0.0225, 0.001);
  rail.ops.resize(3);
  rail.ops[0].energy_j = Joules(0.005, 0.002);
  rail.ops[1].energy_j = Joules(0.0125, 0.0005);
  rail.ops[2].energy_j = Joules(0.001, 0.0001);
}

BoardState Watched() {
  BoardState state;
  state.host = "tx1.local";
  state.board.set_title("Jetson TX1 (simulated)");
  state.board.set_simulated(true);
  state.board.set_default_rate_hz(1000);
  v1::TelemetryPoint point;
  for (int i = 0; i < 300; ++i) {
    point.Clear();
    point.set_begin_ns(i * kTenth_ns);
    point.set_end_ns((i + 1) * kTenth_ns);
    int number = 0;
    for (const char* name : {"VDD_IN", "VDD_CPU", "VDD_GPU"}) {
      v1::RailPower* rail = point.add_rails();
      rail->set_rail(name);
      rail->set_readings(100);
      const double mean_w = (8 + (i / 25 % 2 == 0 ? 3 : -3)) / (1.0 + number++);
      rail->set_min_w(0.9 * mean_w);
      rail->set_mean_w(mean_w);
      rail->set_max_w(1.1 * mean_w);
    }
    point.set_run_id("r1");
    point.set_phase(v1::PHASE_MEASURE);
    point.set_iteration(12);
    point.set_in_operator(true);
    state.history.Add(point);
  }
  state.point = point;
  state.bytes = 60'000;
  state.sent.Add(0, 56'000);
  state.sent.Add(2'000'000'000, 60'000);
  state.daemon.Add(0, 1);
  state.daemon.Add(2'000'000'000, 62'000'000);
  state.front.Add(0, 1);
  state.front.Add(2'000'000'000, 8'000'000);
  v1::ClockState& clocks = state.clocks.emplace();
  v1::CpuPolicyState* policy = clocks.add_policies();
  policy->set_name("policy0");
  policy->set_active(true);
  policy->set_governor("performance");
  policy->set_current_khz(1'734'000);
  policy->set_min_khz(1'734'000);
  policy->set_max_khz(1'734'000);
  for (uint32_t core = 0; core < 2; ++core) {
    policy->add_cpus(core);
    v1::CpuCoreState* state_of = clocks.add_cores();
    state_of->set_number(core);
    state_of->set_on(core == 0);
  }
  AddJob(&state);
  state.run.requested_hz = 1000;
  state.run.readings = 1000;
  state.run.fresh = 500;
  state.run.repeats = 500;
  state.run.missed = 2;
  state.temperature_c["CPU-therm"] = 45.5;
  return state;
}

WatchScreen Screen(bool utf8) {
  WatchScreen screen;
  screen.look.utf8 = utf8;
  return screen;
}

// A board alone on a terminal of this size, with the keys.
Canvas Draw(const BoardState& state, const WatchView& view, size_t columns = 80, size_t rows = 24,
            bool utf8 = true) {
  Canvas canvas(columns, rows);
  const std::vector<Pane> panes = LayOut(columns, rows, 1, 0);
  canvas.Place(0, 0, DrawPane(state, view, Screen(utf8), panes.front()));
  DrawKeys(&canvas);
  return canvas;
}

// Rewritten where SYNERGY_WRITE_GOLDEN is set: to be looked at.
void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = std::string(GOLDEN_FOLDER) + "/" + name;
  if (std::getenv("SYNERGY_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str());
}

TEST(WatchScreen, IsLaidOutOnASmallTerminal) {
  ExpectGolden("80x24.txt", Draw(Watched(), {}).Text());
}

TEST(WatchScreen, IsLaidOutOnALargeTerminal) {
  ExpectGolden("200x60.txt", Draw(Watched(), {}, 200, 60).Text());
}

TEST(WatchScreen, IsAsciiAloneWithoutUtf8) {
  const std::string text = Draw(Watched(), {}, 80, 24, false).Text();
  ExpectGolden("80x24_ascii.txt", text);
  for (const char c : text) EXPECT_EQ(static_cast<unsigned char>(c) & 0x80, 0);
}

bool Contains(const Canvas& canvas, const std::string& text) {
  return canvas.Text().find(text) != std::string::npos;
}

TEST(WatchScreen, SimulatedStandsOnEveryScreen) {
  BoardState state = Watched();
  WatchView help, cores;
  help.help = true;
  cores.cores = true;
  for (const WatchView& view : {WatchView(), help, cores}) {
    EXPECT_TRUE(Contains(Draw(state, view), "SIMULATED"));
  }
  EXPECT_TRUE(Contains(Draw(state, {}, 40, 5), "SIMULATED"));
  state.lost = "no answer";
  EXPECT_TRUE(Contains(Draw(state, {}), "SIMULATED"));
}

TEST(WatchScreen, OperatorsAreByEnergyOrInTheNetworksOrder) {
  const BoardState state = Watched();
  WatchView view;
  const std::string by_energy = Draw(state, view).Text();
  EXPECT_LT(by_energy.find(" relu1 "), by_energy.find(" conv1 "));
  view.order = OperatorOrder::kNetwork;
  const std::string in_order = Draw(state, view).Text();
  EXPECT_LT(in_order.find(" conv1 "), in_order.find(" relu1 "));
}

TEST(WatchScreen, EnergiesSayAfterHowManyIterationsTheyWereSolved) {
  BoardState state = Watched();
  state.run.iterations = 1'234'567;
  EXPECT_TRUE(Contains(Draw(state, {}),
                       " energy per operator on VDD_IN (mJ; mean of 1234567 iterations, 95 %)\n"));
  const std::string longest = "VDD_SYS_5V0_16CH";
  state.history = PowerHistory();
  v1::TelemetryPoint point;
  point.set_end_ns(kTenth_ns);
  point.add_rails()->set_rail(longest);
  state.history.Add(point);
  state.run.energies->rails.front().rail = longest;
  EXPECT_TRUE(Contains(Draw(state, {}), longest + " (mJ; mean of 1234567 iterations, 95 %)\n"));
}

// The rows of operators, and what the list says of itself.
BoardState WithOperators(size_t count) {
  BoardState state = Watched();
  RailEnergy& rail = state.run.energies->rails.front();
  state.run.operators.assign(count, {});
  state.run.energies->ops.resize(count);
  rail.ops.assign(count, {});
  for (uint32_t i = 0; i < count; ++i) {
    state.run.operators[i].set_name("op" + std::to_string(i));
    state.run.energies->ops[i] = i;
    rail.ops[i].energy_j = Joules(1 - 0.01 * i, 0.001);
  }
  return state;
}

TEST(WatchScreen, WarmUpIsNoReasonWhyEnergiesAreUnknown) {
  BoardState state = Watched();
  state.run.iterations = 0;
  state.run.energies->rails.front().why_not = "no operator was measured";
  EXPECT_TRUE(Contains(Draw(state, {}), "energy per operator: not known yet"));
}

TEST(WatchScreen, ListOfOperatorsSaysWhichItShowsAndScrolls) {
  const BoardState state = WithOperators(66);
  WatchView view;
  const Canvas top = Draw(state, view);
  EXPECT_TRUE(Contains(top, " 1-4 of 66\n op0 "));
  EXPECT_FALSE(Contains(top, " op4 "));
  view.first_operator = 4;
  const Canvas next = Draw(state, view);
  EXPECT_TRUE(Contains(next, " 5-8 of 66\n op4 "));
  EXPECT_TRUE(Contains(next, "\n op7 "));
  view.first_operator = 1000;
  EXPECT_TRUE(Contains(Draw(state, view), " 63-66 of 66\n op62 "));
  view.device = 1;
  EXPECT_TRUE(Contains(Draw(state, view), " 1-4 of 66\n")) << "the other board's list is chosen";
}

TEST(WatchScreen, LargeTerminalIsTheOperatorsAndChartsHaveSixRowsEach) {
  EXPECT_TRUE(Contains(Draw(WithOperators(66), {}, 200, 60), " 1-31 of 66\n"));
  EXPECT_FALSE(Contains(Draw(WithOperators(31), {}, 200, 60), " of 31")) << "all are there";
}

TEST(WatchScreen, NamesOfAnyScriptLeaveColumnsWhereTheyAre) {
  BoardState state = Watched();
  const auto column = [&](const char* name) {
    state.run.operators[1].set_name(name);
    const Canvas canvas = Draw(state, {});
    for (size_t y = 0; y < canvas.rows(); ++y) {
      std::string row;
      for (size_t x = 0; x < canvas.columns(); ++x) {
        row += static_cast<char>(canvas.at(x, y).glyph < 0x80 ? canvas.at(x, y).glyph : U'#');
      }
      if (const size_t at = row.find("12.50 #"); at != row.npos) return at;
    }
    return std::string::npos;
  };
  const size_t plain = column("relu1");
  EXPECT_NE(plain, std::string::npos);
  EXPECT_EQ(column("\u7573\u307f\u8fbc\u307f\u5c64\u306e\u6d3b\u6027\u5316"), plain);
  EXPECT_EQ(column("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"
                   "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"),
            plain);
}

TEST(WatchScreen, NoIntervalIsShownAsZero) {
  BoardState state = Watched();
  RailEnergy& rail = state.run.energies->rails.front();
  rail.inference_j = Joules(0.157859, 0.00000045);
  rail.ops[2].energy_j = Joules(0.0000012, 0.0000000123);
  const Canvas canvas = Draw(state, {});
  EXPECT_TRUE(Contains(canvas, "  157.85900 \u00b1 0.00045\n"));
  EXPECT_TRUE(Contains(canvas, "  0.001200 \u00b1 0.000012"));
}

TEST(WatchScreen, LostBoardIsSaidAndItsLastPowersStay) {
  BoardState state = Watched();
  state.lost = "connection refused";
  const Canvas canvas = Draw(state, {});
  EXPECT_TRUE(Contains(canvas, "LOST: connection refused"));
  EXPECT_TRUE(Contains(canvas, "VDD_IN"));
}

TEST(WatchScreen, ThrottlingIsAWarning) {
  BoardState state = Watched();
  state.throttles["cooling cpufreq-cpu0"] = {2, 2};
  state.throttles["cpu0 core_throttle_count"] = {7, 7};
  EXPECT_TRUE(Contains(Draw(state, {}), "CPU-therm 45.5 C  THROTTLED: cooling cpufreq-cpu0\n"));
  state.throttles["cpu0 core_throttle_count"].now = 9;
  EXPECT_TRUE(Contains(Draw(state, {}), "cooling cpufreq-cpu0 and 1 more"));
  for (int i = 0; i < 9; ++i) state.temperature_c["zone" + std::to_string(i)] = 40;
  EXPECT_TRUE(Contains(Draw(state, {}), "cooling cpufreq-cpu0 and 1 more"));
}

TEST(WatchScreen, OneRailCanBeShownAlone) {
  WatchView view;
  view.rails = {1};
  const Canvas canvas = Draw(Watched(), view);
  EXPECT_TRUE(Contains(canvas, "VDD_CPU"));
  EXPECT_FALSE(Contains(canvas, "VDD_GPU"));
}

TEST(WatchScreen, ChosenRailsAreShownAndOperatorsOnTheFirstOfThem) {
  WatchView view;
  view.rails = {1, 2};
  BoardState state = Watched();
  state.run.energies->rails.push_back(state.run.energies->rails.front());
  state.run.energies->rails.back().rail = "VDD_CPU";
  const Canvas canvas = Draw(state, view);
  EXPECT_FALSE(Contains(canvas, "VDD_IN"));
  EXPECT_TRUE(Contains(canvas, "2 VDD_CPU"));
  EXPECT_TRUE(Contains(canvas, "3 VDD_GPU"));
  EXPECT_TRUE(Contains(canvas, "energy per operator on VDD_CPU"));
}

TEST(WatchScreen, RailsThatTheBoardHasNoMoreAreNotChosen) {
  WatchView view;
  view.rails = {7};
  EXPECT_TRUE(Contains(Draw(Watched(), view), "VDD_IN"));
}

TEST(WatchScreen, ManyRailsHaveTwoRowsEachAndTheirJoules) {
  BoardState state = Watched();
  v1::TelemetryPoint point = *state.point;
  point.add_rails()->set_rail("VDD_SYS_5V0");
  point.add_rails()->set_rail("VDD_DDR");
  state.history = PowerHistory();
  state.history.Add(point);
  const std::string text = Draw(state, {}).Text();
  for (const char* rail : {"VDD_IN", "VDD_GPU", "VDD_DDR"}) {
    EXPECT_NE(text.find(rail), std::string::npos);
  }
  EXPECT_NE(text.find(" J "), std::string::npos);
}

TEST(WatchScreen, TheRailOfTheChosenBoardAloneIsChosen) {
  WatchView view;
  view.rails = {1};
  WatchScreen screen = Screen(true);
  screen.devices = 2;
  const std::vector<Pane> panes = LayOut(161, 24, 2, 0);
  ASSERT_EQ(panes.size(), 2u);
  const Canvas chosen = DrawPane(Watched(), view, screen, panes[0]);
  const Canvas other = DrawPane(Watched(), view, screen, panes[1]);
  EXPECT_FALSE(Contains(chosen, "VDD_GPU"));
  EXPECT_TRUE(Contains(other, "VDD_GPU"));
  EXPECT_TRUE(Contains(chosen, ">tx1.local"));
  EXPECT_TRUE(Contains(other, " tx1.local"));
  EXPECT_TRUE(Contains(other, "2/2"));
}

TEST(WatchScreen, LongNamesAreShortenedInTheirMiddle) {
  BoardState state = Watched();
  state.run.operators[1].set_name("inception_4a_3x3_reduce_then_some_more_relu");
  EXPECT_TRUE(Contains(Draw(state, {}), "inception_4a_3\u2026ome_more_relu"));
}

TEST(WatchScreen, CoresAreShownWithTheirClocks) {
  WatchView view;
  view.cores = true;
  const Canvas canvas = Draw(Watched(), view);
  EXPECT_TRUE(Contains(canvas, "cpu1   off"));
  EXPECT_TRUE(Contains(canvas, "1734 MHz  policy0  performance"));
}

TEST(WatchScreen, NoNumberIsCut) {
  BoardState state = Watched();
  for (int i = 1; i < 8; ++i) {
    *state.clocks->add_policies() = state.clocks->policies(0);
    state.clocks->mutable_policies(i)->set_name("policy" + std::to_string(i));
    state.temperature_c["thermal-zone-" + std::to_string(i)] = 40;
  }
  const Canvas canvas = Draw(state, {});
  EXPECT_TRUE(Contains(canvas, "policy3 1734*  +4 MHz\n"));
  EXPECT_TRUE(Contains(canvas, "C  +5\n"));
}

TEST(WatchScreen, NoCountOfWhatIsLostIsCut) {
  BoardState state = Watched();
  state.run.missed = 142'200;
  state.run.failed = 702'000;
  state.run.dropped = 123'456;
  state.losses = 3;
  state.capped_hz = 5;
  WatchScreen screen = Screen(true);
  screen.skipped = 123'456;
  const Canvas canvas = DrawPane(state, {}, screen, LayOut(80, 24, 1, 0).front());
  EXPECT_TRUE(Contains(
      canvas, " sample 1000/1000 Hz; missed/failed/dropped 142200/702000/123456; 50.0 % fresh\n"))
      << canvas.Text();
  EXPECT_TRUE(Contains(canvas, "of a core; skipped 123456; +2\n")) << canvas.Text();
  const Canvas wide = DrawPane(state, {}, screen, LayOut(120, 24, 1, 0).front());
  EXPECT_TRUE(Contains(wide, "missed 142200, failed 702000, dropped 123456\n"));
  EXPECT_TRUE(Contains(wide, "; skipped 123456; lost 3x; 5 Hz at most\n"));
}

TEST(WatchScreen, ControlCharactersOfABoardAreNotShown) {
  BoardState state = Watched();
  state.jobs[0].mutable_spec()->set_net_name("\x1b[2Jevil");
  const std::string text = Draw(state, {}).Text();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(WatchScreen, NothingIsKnownAtTheBegin) {
  BoardState state;
  state.host = "tx1.local";
  state.lost = "connecting";
  EXPECT_TRUE(Contains(Draw(state, {}), "no live power yet"));
}

// One more point changes a few numbers and the charts' newest column, or moves the charts on; the
// rest is not written again.
TEST(WatchScreen, FrameWritesFarLessThanTheScreen) {
  BoardState state = Watched();
  const TerminalLook look = Screen(true).look;
  const Canvas before = Draw(state, {});
  v1::TelemetryPoint next = *state.point;
  next.set_begin_ns(next.end_ns());
  next.set_end_ns(next.end_ns() + kTenth_ns);
  state.history.Add(next);
  state.point = next;
  const Canvas after = Draw(state, {});
  EXPECT_LT(Changes(before, after, look).size(), 1000u);
  EXPECT_GT(Changes(Canvas(0, 0), after, look).size(), 1500u);
}

}  // namespace
}  // namespace synergy
