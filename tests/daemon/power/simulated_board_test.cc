// The simulated board as a whole: activity in, sensor readings and truth out.
#include "daemon/power/simulated_board.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "daemon/power/ina3221_source.h"
#include "tests/daemon/power/fake_feed.h"
#include "tests/daemon/power/tx1_operators.h"
#include "tests/support/fake_clock.h"

namespace synergy::sim {
namespace {

// The rails of the Jetson TX1.
constexpr size_t kVddIn = 0, kTx1Rails = 3;
PerRail RailPower(std::span<const OperatorLoad> running, const CpuOperatingPoint& point,
                  double temperature_c) {
  static const BoardProfile* const profile = new BoardProfile(*BuiltInBoardProfile("jetson-tx1"));
  return PowerOf(*profile->simulation, running, point, temperature_c).watts;
}
double IdleTemperature(const CpuOperatingPoint& point) {
  return sim::IdleTemperature(*BuiltInBoardProfile("jetson-tx1")->simulation, point);
}

using RunOptions = BoardSimulation::Run;

std::shared_ptr<SimulatedBoard> MakeModel(Clock& clock, uint64_t seed = 1) {
  auto model = SimulatedBoard::Create(*BuiltInBoardProfile("jetson-tx1"), seed, {}, clock);
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

RunOptions MakeRun(uint64_t seed = 1) {
  return {.run_id = "r1", .net_name = "squeezenet", .seed = seed, .threads = 1};
}

// `iterations` of all operators of `table`, back to back with 3 us between them; the first one is
// warm-up. Operator i takes 50 us x (1 + i % 7). Returns the end.
MonotonicTime Script(FakeFeed& feed, MonotonicTime begin, int operators, int iterations) {
  MonotonicTime t = begin;
  for (int iteration = 0; iteration <= iterations; ++iteration) {
    for (int op = 0; op < operators; ++op) {
      const MonotonicTime end = t + Microseconds(50 * (1 + op % 7));
      const bool warm = iteration == 0;
      feed.Add(static_cast<uint32_t>(op), t, end, static_cast<uint32_t>(warm ? 0 : iteration - 1),
               static_cast<uint8_t>(warm ? v1::PHASE_WARMUP : v1::PHASE_MEASURE));
      t = end + Microseconds(3);
    }
  }
  return t;
}

// Sums over a run's truth, which its totals must equal.
struct Books {
  PerRail operators{}, idle{}, total{};
};
Books BooksOf(const v1::RunTruth& truth) {
  Books books;
  for (size_t rail = 0; rail < kTx1Rails; ++rail) {
    for (const v1::OperatorTruth& op : truth.operators()) {
      books.operators[rail] += op.energy_j(static_cast<int>(rail));
    }
    books.idle[rail] = truth.idle_j(static_cast<int>(rail));
    books.total[rail] = truth.energy_j(static_cast<int>(rail));
  }
  return books;
}

// The board, the script of a run, and what sensors could have seen of it.
class ModelTest : public testing::Test {
 protected:
  // Runs the script to its end, looking at the board every `step`.
  v1::RunTruth Play(SimulatedBoard& model, FakeFeed& feed, MonotonicTime end, Nanoseconds step,
                    const RunOptions& run, const v1::OperatorTable& table) {
    model.BeginRun(run, &feed);
    model.SetOperators(table);
    while (clock_.Now() < end) {
      const MonotonicTime begin = clock_.Now();
      clock_.SleepUntil(std::min(end, begin + step));
      model.MeanVoltage(kVddIn, begin, clock_.Now());
    }
    return model.EndRun();
  }

  FakeClock clock_;
};

TEST_F(ModelTest, OperatorsAndIdleAddUpToTheWhole) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime end = Script(feed, clock_.Now() + Milliseconds(10), 30, 20) + Milliseconds(5);
  const v1::RunTruth truth = Play(*model, feed, end, Microseconds(470), MakeRun(), MakeTable(30));
  ASSERT_EQ(truth.operators_size(), 30 * 20);
  const Books books = BooksOf(truth);
  for (size_t rail = 0; rail < kTx1Rails; ++rail) {
    EXPECT_NEAR(books.operators[rail] + books.idle[rail], books.total[rail],
                1e-9 * books.total[rail]);
    EXPECT_GT(books.idle[rail], 0);
  }
  EXPECT_EQ(truth.run_id(), "r1");
  ASSERT_EQ(truth.rails_size(), 3);
  EXPECT_EQ(truth.rails(0), "VDD_IN");
  EXPECT_EQ(truth.begin_ns(), truth.operators(0).begin_ns());
  EXPECT_EQ(truth.end_ns(), truth.operators(truth.operators_size() - 1).end_ns());
}

TEST_F(ModelTest, TheTruthIsWhatTheSensorsSaw) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime start = clock_.Now();
  const MonotonicTime end = Script(feed, start + Milliseconds(1), 12, 4);
  model->BeginRun(MakeRun(), &feed);
  model->SetOperators(MakeTable(12));
  // Current and voltage are constant between these, so their product is the power.
  std::set<int64_t> borders;
  for (const Marker& marker : feed.script()) {
    borders.insert(marker.begin_ns);
    borders.insert(marker.end_ns);
  }
  for (int64_t ns = start.ns; ns < end.ns; ns += 10'000'000) borders.insert(ns);
  clock_.SleepUntil(start + Milliseconds(2));
  PerRail seen{};
  int64_t last_ns = 0;
  for (const int64_t ns : borders) {
    clock_.SleepUntil({ns});
    // The warm-up comes first.
    if (last_ns >= feed.script()[12].begin_ns) {
      for (size_t rail = 0; rail < kTx1Rails; ++rail) {
        seen[rail] += model->MeanCurrent(rail, {last_ns}, {ns}) *
                      model->MeanVoltage(rail, {last_ns}, {ns}) * 1e-9 *
                      static_cast<double>(ns - last_ns);
      }
    }
    last_ns = ns;
  }
  clock_.SleepUntil(end);
  const Books books = BooksOf(model->EndRun());
  for (size_t rail = 0; rail < kTx1Rails; ++rail) {
    EXPECT_NEAR(seen[rail], books.total[rail], 1e-9 * books.total[rail]);
  }
}

TEST_F(ModelTest, AnOperatorsTruthIsItsPowerTimesItsDuration) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(1);
  feed.Add(0, begin, begin + Microseconds(700));
  const v1::OperatorTable table = MakeTable(1);
  const v1::RunTruth truth =
      Play(*model, feed, begin + Milliseconds(3), Microseconds(100), MakeRun(), table);
  const CpuOperatingPoint point = BuiltInBoardProfile("jetson-tx1")->operating_points.back();
  OperatorLoad load =
      LoadOf(table.operators(0), {.threads = 1, .frequency_hz = point.frequency_hz});
  load.deviation = DeviationOf("squeezenet", table.operators(0));
  const PerRail watts = RailPower({&load, 1}, point, IdleTemperature(point));
  ASSERT_EQ(truth.operators_size(), 1);
  for (int rail = 0; rail < 3; ++rail) {
    EXPECT_NEAR(truth.operators(0).energy_j(rail), 700e-6 * watts[static_cast<size_t>(rail)],
                1e-12);
  }
}

TEST_F(ModelTest, TruthDoesNotDependOnHowOftenTheBoardIsLookedAt) {
  std::vector<v1::RunTruth> truths;
  for (const Nanoseconds step : {Microseconds(37), Microseconds(999), Milliseconds(400)}) {
    FakeClock clock;
    auto model = MakeModel(clock);
    FakeFeed feed(clock);
    const MonotonicTime end = Script(feed, clock.Now() + Milliseconds(1), 20, 10);
    model->BeginRun(MakeRun(), &feed);
    model->SetOperators(MakeTable(20));
    while (clock.Now() < end) {
      clock.Advance(step);
      model->temperature_c();
    }
    truths.push_back(model->EndRun());
  }
  for (const v1::RunTruth& truth : truths) {
    ASSERT_EQ(truth.operators_size(), truths[0].operators_size());
    for (int i = 0; i < truth.operators_size(); ++i) {
      EXPECT_NEAR(truth.operators(i).energy_j(0), truths[0].operators(i).energy_j(0), 1e-12);
      EXPECT_EQ(truth.operators(i).op(), truths[0].operators(i).op());
    }
  }
}

TEST_F(ModelTest, AnOperatorDeviatesAlikeInEveryRunAndOnEveryBoard) {
  std::vector<double> watts;
  for (const uint64_t seed : {1u, 2u, 99u}) {
    FakeClock clock;
    auto model = MakeModel(clock, seed);
    FakeFeed feed(clock);
    const MonotonicTime begin = clock.Now() + Milliseconds(1);
    feed.Add(4, begin, begin + Milliseconds(1));
    model->BeginRun(MakeRun(seed * 7), &feed);
    model->SetOperators(MakeTable(6));
    clock.Advance(Milliseconds(5));
    watts.push_back(model->EndRun().operators(0).energy_j(0) / 1e-3);
  }
  EXPECT_NEAR(watts[0], watts[1], 1e-9);
  EXPECT_NEAR(watts[0], watts[2], 1e-9);
}

TEST_F(ModelTest, DynamicPowerSpreadsByTenPercentOverEqualOperators) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  v1::OperatorTable table;
  MonotonicTime t = clock_.Now() + Milliseconds(1);
  for (uint32_t i = 0; i < 400; ++i) {
    v1::OperatorInfo& op = *table.add_operators();
    op = MakeConv();
    op.set_index(i);
    feed.Add(i, t, t + Microseconds(100));
    t = t + Microseconds(100);
  }
  const v1::RunTruth truth = Play(*model, feed, t, Milliseconds(1), MakeRun(), table);
  const CpuOperatingPoint point = BuiltInBoardProfile("jetson-tx1")->operating_points.back();
  const double idle_w = RailPower({}, point, IdleTemperature(point))[kVddIn];
  double sum = 0, squares = 0;
  for (const v1::OperatorTruth& op : truth.operators()) {
    const double dynamic_w = op.energy_j(0) / 100e-6 - idle_w;
    sum += dynamic_w;
    squares += dynamic_w * dynamic_w;
  }
  const double mean = sum / 400;
  EXPECT_NEAR(std::sqrt(squares / 400 - mean * mean) / mean, 0.10, 0.015);
}

std::shared_ptr<SimulatedBoard> MakeFaulty(Clock& clock, const std::string& fault) {
  auto model = SimulatedBoard::Create(*BuiltInBoardProfile("jetson-tx1"), 1, {}, clock,
                                      {*ParseSimulatedFault(fault)});
  EXPECT_TRUE(model.ok()) << model.status();
  (*model)->BeginFaults();
  return *model;
}

// From execution to execution and within each, by 10 %; and the truth has what was drawn.
TEST_F(ModelTest, VaryingPowerIsInTheTruthAndItsBooksClose) {
  std::vector<v1::RunTruth> truths;
  for (const Nanoseconds step : {Microseconds(37), Microseconds(999), Milliseconds(400)}) {
    FakeClock clock;
    auto model = MakeFaulty(clock, "varying-power");
    FakeFeed feed(clock);
    const MonotonicTime end = Script(feed, clock.Now() + Milliseconds(1), 3, 300);
    model->BeginRun(MakeRun(), &feed);
    model->SetOperators(MakeTable(3));
    while (clock.Now() < end) {
      clock.Advance(step);
      model->temperature_c();
    }
    truths.push_back(model->EndRun());
    const Books books = BooksOf(truths.back());
    EXPECT_NEAR(books.operators[kVddIn] + books.idle[kVddIn], books.total[kVddIn],
                1e-9 * books.total[kVddIn]);
  }
  double sum = 0, squares = 0, count = 0;
  for (int i = 0; i < truths[0].operators_size(); ++i) {
    const v1::OperatorTruth& op = truths[0].operators(i);
    for (const v1::RunTruth& other : truths) {
      EXPECT_NEAR(other.operators(i).energy_j(0), op.energy_j(0), 1e-12)
          << "whenever the board is looked at";
    }
    if (op.op() != 2) continue;  // 150 us each
    sum += op.energy_j(2);
    squares += op.energy_j(2) * op.energy_j(2);
    ++count;
  }
  const double mean = sum / count;
  EXPECT_NEAR(std::sqrt(squares / count - mean * mean) / mean, 0.09, 0.02)
      << "a little less than 10 %, since only dynamic power varies";
}

TEST_F(ModelTest, DriftRaisesWhatIsDrawnEvenly) {
  auto model = MakeFaulty(clock_, "drift:0.1@1-3");
  const auto watts = [&](double at_s) {
    const MonotonicTime begin = clock_.Now();
    clock_.Advance(Seconds(at_s));
    clock_.Advance(Milliseconds(100));
    return model->MeanPower(kVddIn, begin + Seconds(at_s), clock_.Now());
  };
  const double before = watts(0.5);  // 0.5 to 0.6 s
  const double half = watts(1.35);   // 1.95 to 2.05 s
  const double after = watts(2);     // 4.05 s and later
  // Of about 6 W that a busy core draws.
  EXPECT_NEAR(half - before, 0.3, 0.05);
  EXPECT_NEAR(after - before, 0.6, 0.1);
  EXPECT_NEAR((after - before) / (half - before), 2, 0.05);
}

// A sensor that is 5 ms late shows an operator's step 5 ms after it.
TEST_F(ModelTest, ADelayedSensorShowsWhatWas) {
  auto model = MakeFaulty(clock_, "delay:5");
  auto source = Ina3221Source::Open(SimulatedBoard::BusOf(model), [] {
    Ina3221Wiring wiring;
    wiring.channels[0] = Ina3221Channel{.rail = "VDD_IN", .shunt_ohm = 0.020};
    return wiring;
  }());
  ASSERT_TRUE(source.ok()) << source.status();
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(20);
  feed.Add(0, begin, begin + Milliseconds(50));
  model->BeginRun(MakeRun(), &feed);
  model->SetOperators(MakeTable(1));
  std::vector<ChannelReading> readings;
  int64_t first = 0, seen_ns = 0;
  while (clock_.Now() < begin + Milliseconds(30) && seen_ns == 0) {
    readings.clear();
    ASSERT_TRUE((*source)->Read(&readings).ok());
    for (const ChannelReading& r : readings) {
      if (r.channel != 0) continue;
      if (first == 0) first = r.reading.raw;
      if (2 * r.reading.raw > 3 * first) seen_ns = r.reading.end_ns;
    }
  }
  // Within a cycle of 0.28 ms and a read.
  EXPECT_GE(seen_ns, (begin + Milliseconds(5)).ns);
  EXPECT_LT(seen_ns, (begin + Milliseconds(6)).ns);
}

TEST_F(ModelTest, IdlesWhenNoRunIsOn) {
  auto model = MakeModel(clock_);
  const MonotonicTime begin = clock_.Now();
  clock_.Advance(Seconds(2));
  const double watts = model->MeanCurrent(kVddIn, begin, clock_.Now()) *
                       model->MeanVoltage(kVddIn, begin, clock_.Now());
  EXPECT_GT(watts, 2.0);
  EXPECT_LT(watts, 2.5);
}

TEST_F(ModelTest, OperatorsDrawTheirPowerOnlyOnceTheyAreKnown) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(1);
  feed.Add(2, begin, begin + Milliseconds(1), 0);
  feed.Add(2, begin + Milliseconds(2), begin + Milliseconds(3), 1);
  model->BeginRun(MakeRun(), &feed);
  clock_.SleepUntil(begin + Microseconds(1500));
  model->SetOperators(MakeTable(3));
  clock_.SleepUntil(begin + Milliseconds(4));
  const v1::RunTruth truth = model->EndRun();
  ASSERT_EQ(truth.operators_size(), 2);
  EXPECT_GT(truth.operators(0).energy_j(2), 1e-3) << "an unknown operator works, too";
  EXPECT_NE(truth.operators(0).energy_j(2), truth.operators(1).energy_j(2));
}

TEST_F(ModelTest, LoadingIsSeenWhileItLastsAndIsNotInTheTruth) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(1);
  feed.Add(kOpLoad, begin, begin + Milliseconds(5), 0, v1::PHASE_SETUP);
  feed.Add(0, begin + Milliseconds(6), begin + Milliseconds(7));
  model->BeginRun(MakeRun(), &feed);
  clock_.SleepUntil(begin + Milliseconds(4));
  EXPECT_GT(model->MeanCurrent(kVddIn, begin, clock_.Now()) * 19, 5.0);
  clock_.SleepUntil(begin + Milliseconds(8));
  EXPECT_EQ(model->EndRun().operators_size(), 1);
}

TEST_F(ModelTest, ARunStartsWithEmptyBooks) {
  auto model = MakeModel(clock_);
  for (int run = 0; run < 3; ++run) {
    FakeFeed feed(clock_);
    const MonotonicTime end = Script(feed, clock_.Now() + Milliseconds(1), 5, 2);
    const v1::RunTruth truth = Play(*model, feed, end, Milliseconds(1), MakeRun(), MakeTable(5));
    EXPECT_EQ(truth.operators_size(), 10);
    clock_.Advance(Seconds(1));
  }
  FakeFeed nothing(clock_);
  const v1::RunTruth truth =
      Play(*model, nothing, clock_.Now() + Milliseconds(5), Milliseconds(1), MakeRun(), {});
  EXPECT_EQ(truth.operators_size(), 0);
  EXPECT_EQ(truth.energy_j(0), 0);
}

TEST_F(ModelTest, AnOperatorCutByTheEndOfTheRunIsNotListed) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(1);
  feed.Add(0, begin, begin + Milliseconds(2));
  feed.Add(1, begin + Milliseconds(3), begin + Milliseconds(100));
  const v1::RunTruth truth =
      Play(*model, feed, begin + Milliseconds(10), Milliseconds(1), MakeRun(), MakeTable(2));
  EXPECT_EQ(truth.operators_size(), 1);
}

TEST_F(ModelTest, BooksCloseWithLateAndGarbledActivity) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime end = Script(feed, clock_.Now() + Milliseconds(1), 10, 20);
  std::vector<Marker> held_back;
  int polls = 0;
  feed.Distort([&](ActivityFeed::Snapshot& snapshot) {
    ++polls;
    if (polls % 5 == 0) snapshot.running.clear();  // slots that could not be read
    if (polls % 7 == 0) {                          // markers that come a poll too late
      held_back.swap(snapshot.completed);
    } else {
      snapshot.completed.insert(snapshot.completed.end(), held_back.begin(), held_back.end());
      held_back.clear();
    }
    snapshot.completed.push_back({.begin_ns = 50,
                                  .end_ns = 10,
                                  .op = 3,
                                  .iteration = 0,
                                  .thread = 9,
                                  .device = 0,
                                  .phase = v1::PHASE_MEASURE,
                                  .event = 0});
  });
  const v1::RunTruth truth = Play(*model, feed, end, Microseconds(333), MakeRun(), MakeTable(10));
  EXPECT_GE(truth.operators_size(), 195);
  const Books books = BooksOf(truth);
  for (size_t rail = 0; rail < kTx1Rails; ++rail) {
    EXPECT_NEAR(books.operators[rail] + books.idle[rail], books.total[rail],
                1e-9 * books.total[rail]);
  }
}

CpuSpeed Fixed(int64_t khz) { return {.idle_khz = khz, .busy_khz = khz, .cores_on = 4}; }

TEST_F(ModelTest, PowerFollowsTheClock) {
  auto model = MakeModel(clock_);
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(1);
  feed.Add(0, begin, begin + Milliseconds(1), 0);
  feed.Add(0, begin + Milliseconds(2), begin + Milliseconds(3), 1);
  model->BeginRun(MakeRun(), &feed);
  model->SetOperators(MakeTable(1));
  clock_.SleepUntil(begin + Microseconds(1500));
  model->SetCpuSpeeds({Fixed(102'000)});
  EXPECT_NE(model->Disclaimers().back().find("(102 MHz under load"), std::string::npos);
  EXPECT_EQ(model->CpuKhz(0), 102'000);
  EXPECT_EQ(model->CpuKhz(1), 0) << "there is one policy";
  clock_.SleepUntil(begin + Milliseconds(4));
  const v1::RunTruth truth = model->EndRun();
  EXPECT_LT(truth.operators(1).energy_j(2), 0.3 * truth.operators(0).energy_j(2));
}

TEST_F(ModelTest, TheGovernorRaisesTheClockUnderLoadAndLowersItAWhileAfterIt) {
  auto model = MakeModel(clock_);
  model->SetCpuSpeeds({{.idle_khz = 102'000, .busy_khz = 1'734'000, .cores_on = 4}});
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(10), end = begin + Milliseconds(20);
  feed.Add(0, begin, begin + Milliseconds(5));
  feed.Add(0, begin + Milliseconds(7), end);
  model->BeginRun(MakeRun(), &feed);
  model->SetOperators(MakeTable(1));
  EXPECT_EQ(model->CpuKhz(0), 102'000);
  clock_.SleepUntil(begin + Milliseconds(2));
  EXPECT_EQ(model->CpuKhz(0), 1'734'000);
  clock_.SleepUntil(begin + Milliseconds(6));
  EXPECT_EQ(model->CpuKhz(0), 1'734'000) << "between two operators";
  clock_.SleepUntil(end + SimulatedCpu::kHold - Milliseconds(1));
  EXPECT_EQ(model->CpuKhz(0), 1'734'000);
  clock_.SleepUntil(end + SimulatedCpu::kHold + Milliseconds(20));
  EXPECT_EQ(model->CpuKhz(0), 102'000);
  // Its power is that of the clocks that were shown.
  constexpr size_t kVddCpu = 2;
  const MonotonicTime low = end + SimulatedCpu::kHold;
  const double idle_high = model->MeanPower(kVddCpu, low - Milliseconds(10), low);
  const double idle_low = model->MeanPower(kVddCpu, low, low + Milliseconds(10));
  EXPECT_LT(idle_low, idle_high);
  model->EndRun();
}

TEST_F(ModelTest, WhenItIsLookedAtDoesNotChangeWhenTheClockFalls) {
  std::vector<double> joules;
  for (const int64_t step_us : {700, 33'000}) {
    FakeClock clock;
    auto model = MakeModel(clock);
    model->SetCpuSpeeds({{.idle_khz = 102'000, .busy_khz = 1'734'000, .cores_on = 4}});
    FakeFeed feed(clock);
    const MonotonicTime begin = clock.Now(), end = begin + Milliseconds(200);
    feed.Add(0, begin + Milliseconds(1), begin + Milliseconds(20));
    model->BeginRun(MakeRun(), &feed);
    model->SetOperators(MakeTable(1));
    double sum = 0;
    for (MonotonicTime t = begin; t < end;) {
      const MonotonicTime next = std::min(end, t + Microseconds(step_us));
      clock.SleepUntil(next);
      sum += model->MeanPower(2, t, next) * (next - t).seconds();
      t = next;
    }
    joules.push_back(sum);
    model->EndRun();
  }
  EXPECT_NEAR(joules[0], joules[1], 1e-9);
}

TEST_F(ModelTest, FewerCoresShareTheWork) {
  std::vector<double> watts;
  for (const uint32_t cores : {4u, 1u}) {
    FakeClock clock;
    auto model = MakeModel(clock);
    model->SetCpuSpeeds({{.idle_khz = 1'734'000, .busy_khz = 1'734'000, .cores_on = cores}});
    FakeFeed feed(clock);
    const MonotonicTime begin = clock.Now();
    feed.Add(0, begin + Milliseconds(1), begin + Milliseconds(30));
    BoardSimulation::Run run = MakeRun();
    run.threads = 4;
    model->BeginRun(run, &feed);
    model->SetOperators(MakeTable(1));
    clock.SleepUntil(begin + Milliseconds(20));
    watts.push_back(model->MeanPower(2, begin + Milliseconds(5), begin + Milliseconds(20)));
    model->EndRun();
  }
  EXPECT_LT(watts[1], 0.6 * watts[0]);
}

TEST_F(ModelTest, SaysThatItIsSimulatedAndThatDurationsDoNotFollowTheClock) {
  auto model = MakeModel(clock_);
  std::string all;
  for (const std::string& line : model->Disclaimers()) all += line + "\n";
  EXPECT_NE(all.find("a model of this board (NVIDIA Jetson TX1), not from a measurement"),
            std::string::npos);
  EXPECT_NE(all.find("do not follow the simulated clocks: power does"), std::string::npos);
  EXPECT_NE(all.find("1734 MHz"), std::string::npos);
  EXPECT_NE(all.find("0.3 steps of noise"), std::string::npos) << all;
  EXPECT_NE(all.find("within 10 % and gains within 0.25 %"), std::string::npos) << all;
}

TEST_F(ModelTest, RefusesAProfileThatCannotBeSimulated) {
  const BoardProfile profile = *BuiltInBoardProfile("jetson-tx2");
  EXPECT_EQ(SimulatedBoard::Create(profile, 1, {}, clock_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ModelTest, ReadingsFollowTheSeedAlone) {
  std::vector<std::vector<int64_t>> raws;
  for (const uint64_t seed : {3u, 3u, 4u}) {
    FakeClock clock;
    auto model = MakeModel(clock, seed);
    Ina3221Wiring wiring;
    wiring.channels[0] = Ina3221Channel{.rail = "VDD_IN", .shunt_ohm = 0.020};
    auto source = *Ina3221Source::Open(SimulatedBoard::BusOf(model), wiring);
    FakeFeed feed(clock);
    Script(feed, clock.Now() + Milliseconds(1), 20, 50);
    model->BeginRun(MakeRun(5), &feed);
    model->SetOperators(MakeTable(20));
    std::vector<ChannelReading> readings;
    for (int i = 0; i < 200; ++i) {
      const MonotonicTime next = clock.Now() + Milliseconds(1);
      EXPECT_TRUE(source->Read(&readings).ok());
      clock.SleepUntil(next);
    }
    model->EndRun();
    raws.emplace_back();
    for (const ChannelReading& r : readings) raws.back().push_back(r.reading.raw);
  }
  EXPECT_EQ(raws[0], raws[1]);
  EXPECT_NE(raws[0], raws[2]);
}

TEST_F(ModelTest, ReadingsAverageToTheTruePowerOverALongRun) {
  auto model = MakeModel(clock_, 8);
  Ina3221Wiring wiring;
  wiring.channels[0] = Ina3221Channel{.rail = "VDD_IN", .shunt_ohm = 0.020};
  auto source = *Ina3221Source::Open(SimulatedBoard::BusOf(model), wiring);
  FakeFeed feed(clock_);
  const MonotonicTime begin = clock_.Now() + Milliseconds(1);
  const MonotonicTime end = Script(feed, begin, 30, 300);  // about 1.8 s
  model->BeginRun(MakeRun(), &feed);
  model->SetOperators(MakeTable(30));
  double amperes = 0;
  int count = 0;
  while (clock_.Now() < end) {
    const MonotonicTime next = clock_.Now() + Milliseconds(1);
    std::vector<ChannelReading> readings;
    ASSERT_TRUE(source->Read(&readings).ok());
    amperes += static_cast<double>(readings[0].reading.raw) * source->channels()[0].scale();
    ++count;
    clock_.SleepUntil(next);
  }
  const v1::RunTruth truth = model->EndRun();
  const double true_w =
      truth.energy_j(0) / (1e-9 * static_cast<double>(truth.end_ns() - truth.begin_ns()));
  // Gain is off by up to 0.25 %, the voltage by a step, and the slots see a sample of the
  // operators.
  EXPECT_NEAR(amperes / count * 18.97, true_w, 0.01 * true_w);
}

TEST_F(ModelTest, SamplingAndRunningAtTheSameTimeIsSafe) {
  auto model = MakeModel(clock_);
  Ina3221Wiring wiring;
  wiring.channels[0] = Ina3221Channel{.rail = "VDD_IN", .shunt_ohm = 0.020};
  auto source = *Ina3221Source::Open(SimulatedBoard::BusOf(model), wiring);
  std::atomic<bool> stop{false};
  std::jthread sampler([&] {
    std::vector<ChannelReading> readings;
    while (!stop) {
      EXPECT_TRUE(source->Read(&readings).ok());
      readings.clear();
    }
  });
  for (int run = 0; run < 50; ++run) {
    FakeFeed feed(clock_);
    Script(feed, clock_.Now(), 10, 5);
    model->BeginRun(MakeRun(), &feed);
    model->SetOperators(MakeTable(10));
    clock_.Advance(Milliseconds(15));
    EXPECT_LE(model->EndRun().operators_size(), 50);
  }
  stop = true;
}

}  // namespace
}  // namespace synergy::sim
