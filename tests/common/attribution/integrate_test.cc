#include "common/attribution/integrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "tests/support/run_builder.h"

namespace synergy {
namespace {

using Quantity = v1::ChannelInfo;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMillisecond = 1'000'000;

// A run with rails whose power is a function of time, read every `period_ns`.
class Bench {
 public:
  static constexpr double kScaleW = 1e-9;  // fine enough that rounding does not matter
  using Power = std::function<double(double seconds)>;

  Bench& Rail(const std::string& name, Power power) {
    run_.Rail(name);
    rails_.push_back({run_.Channel(name, Quantity::QUANTITY_POWER, kScaleW), std::move(power)});
    return *this;
  }
  Bench& Markers(std::vector<Marker> markers) {
    markers_ = std::move(markers);
    return *this;
  }
  Attribution Solve(int64_t from_ns, int64_t to_ns, int64_t period_ns) {
    run_.WriteHeader();
    for (const auto& [channel, power] : rails_) {
      std::vector<std::pair<int64_t, int64_t>> readings;
      for (int64_t t = from_ns; t <= to_ns; t += period_ns) {
        readings.emplace_back(t, std::llround(power(static_cast<double>(t) * 1e-9) / kScaleW));
      }
      run_.WriteInstants(channel, readings);
    }
    constexpr size_t kInChunk = 10'000;
    for (size_t i = 0; i < markers_.size(); i += kInChunk) {
      const auto begin = markers_.begin() + static_cast<ptrdiff_t>(i);
      run_.Write(std::vector<Marker>(
          begin, begin + static_cast<ptrdiff_t>(std::min(kInChunk, markers_.size() - i))));
    }
    run_.WriteEnd(v1::JOB_STATE_DONE);
    RunData data;
    for (const v1::Chunk& chunk : run_.chunks()) EXPECT_TRUE(data.Add(chunk).ok());
    return synergy::Solve(data);
  }

 private:
  RunBuilder run_;
  std::vector<std::pair<uint32_t, Power>> rails_;
  std::vector<Marker> markers_;
};

double Constant(double) { return 2; }

Marker SetupMarker(uint32_t op, int64_t begin_ns, int64_t end_ns) {
  return OperatorMarker(op, 0, begin_ns, end_ns, v1::PHASE_SETUP);
}

TEST(Integrate, TwoWattsForThreeSecondsAreSixJoules) {
  const Attribution a = Bench()
                            .Rail("VDD_IN", Constant)
                            .Markers({OperatorMarker(0, 0, 1 * kSecond, 4 * kSecond)})
                            .Solve(0, 5 * kSecond, kMillisecond);
  ASSERT_EQ(a.ops.size(), 1u);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 6, 1e-12);
  EXPECT_DOUBLE_EQ(a.ops[0].time_s.mean, 3);
  EXPECT_FALSE(a.ops[0].time_s.ci95.has_value());
  EXPECT_NEAR(*a.all.energy_j[0], 6, 1e-12);
  EXPECT_DOUBLE_EQ(a.ops[0].time_share, 1);
  EXPECT_DOUBLE_EQ(*a.ops[0].energy_share[0], 1);
}

TEST(Integrate, ARampIsExactBetweenAnyTwoInstants) {
  // 4 W/s: from 0.25 ms to 2.75 ms it is 2 * (2.75^2 - 0.25^2) uJ.
  const Attribution a = Bench()
                            .Rail("VDD_IN", [](double t) { return 4 * t; })
                            .Markers({OperatorMarker(0, 0, 250'000, 2'750'000)})
                            .Solve(0, 10 * kMillisecond, kMillisecond);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 2 * (2.75 * 2.75 - 0.25 * 0.25) * 1e-6, 1e-15);
}

TEST(Integrate, MeansAreOverExecutionsAndIntervalsAreStudents) {
  const Attribution a = Bench()
                            .Rail("VDD_IN", Constant)
                            .Markers({OperatorMarker(7, 0, 10 * kMillisecond, 14 * kMillisecond),
                                      OperatorMarker(7, 1, 20 * kMillisecond, 25 * kMillisecond),
                                      OperatorMarker(7, 2, 30 * kMillisecond, 36 * kMillisecond)})
                            .Solve(0, 50 * kMillisecond, kMillisecond);
  ASSERT_EQ(a.ops.size(), 1u);
  EXPECT_EQ(a.ops[0].op, 7u);
  EXPECT_EQ(a.ops[0].executions, 3u);
  EXPECT_NEAR(a.ops[0].time_s.mean, 5e-3, 1e-15);
  EXPECT_NEAR(a.ops[0].time_s.ci95->high - 5e-3, 4.302652730 * 1e-3 / std::sqrt(3), 1e-11);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 10e-3, 1e-12);
}

TEST(Integrate, CalibrationsOfAnEnginesClockAreNoOperators) {
  const Attribution a =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers({OperatorMarker(0, 0, 10 * kMillisecond, 14 * kMillisecond),
                    OperatorMarker(kOpClock, 1, 15 * kMillisecond, 16 * kMillisecond)})
          .Solve(0, 50 * kMillisecond, kMillisecond);
  ASSERT_EQ(a.ops.size(), 1u);
  EXPECT_EQ(a.ops[0].op, 0u);
  EXPECT_NEAR(a.inference.time_s, 4e-3, 1e-15);
}

// Setup, warm-up and measured iterations of a net of `ops` operators with gaps of any length
// between them.
std::vector<Marker> AnyRun(std::mt19937_64& random, int64_t* end_ns) {
  std::vector<Marker> markers;
  int64_t now = 100 * kMillisecond;
  const auto next = [&](uint32_t op, uint32_t iteration, v1::Phase phase) {
    now += static_cast<int64_t>(random() % 300'000);
    const int64_t begin = now;
    now += static_cast<int64_t>(random() % 3'000'000);
    markers.push_back(OperatorMarker(op, iteration, begin, now, phase));
  };
  next(kOpLoad, 0, v1::PHASE_SETUP);
  next(kOpInit, 0, v1::PHASE_SETUP);
  for (const auto& [phase, count] : {std::pair(v1::PHASE_WARMUP, 3u), {v1::PHASE_MEASURE, 40u}}) {
    for (uint32_t i = 0; i < count; ++i) {
      const int64_t begin = now;
      for (uint32_t op = 0; op < 20; ++op) next(op, i, phase);
      now += 1000;
      markers.push_back(OperatorMarker(kOpNet, i, begin, now, phase));
    }
  }
  *end_ns = now;
  std::shuffle(markers.begin(), markers.end(), random);  // lanes are drained in any order
  return markers;
}

TEST(Integrate, OperatorsPlusSetupWarmupAndIdleAreTheIntegralOverTheRun) {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < 20; ++trial) {
    int64_t end_ns = 0;
    std::vector<Marker> markers = AnyRun(random, &end_ns);
    const Attribution a = Bench()
                              .Rail("VDD_IN", [](double t) { return 8 + 5 * std::sin(900 * t); })
                              .Rail("VDD_CPU", [](double t) { return 3 + 2 * std::cos(3000 * t); })
                              .Markers(markers)
                              .Solve(0, end_ns + 5 * kMillisecond, kMillisecond);
    for (size_t r = 0; r < 2; ++r) {
      double ops_j = 0;
      for (const OperatorResult& op : a.ops) {
        EXPECT_EQ(op.executions, 40u);
        ops_j += *op.mean_energy_j[r] * static_cast<double>(op.executions);
      }
      const double whole = *a.all.energy_j[r];
      EXPECT_NEAR(ops_j, *a.inference.energy_j[r], 1e-9 * whole);
      EXPECT_NEAR(*a.setup.energy_j[r] + *a.warmup.energy_j[r] + ops_j + *a.idle.energy_j[r], whole,
                  1e-9 * whole);
      EXPECT_GT(*a.idle.energy_j[r], 0);
    }
    EXPECT_NEAR(a.setup.time_s + a.warmup.time_s + a.inference.time_s + a.idle.time_s, a.all.time_s,
                1e-9);
    EXPECT_EQ(a.iterations, 40u);
    EXPECT_EQ(a.all_window->begin_ns, a.setup_window->begin_ns);
    EXPECT_EQ(a.all_window->end_ns, end_ns);
  }
}

TEST(Integrate, DecisionsBetweenBlocksCountAsSetupAndLoopedOperatorsAsNothing) {
  RunBuilder run;
  run.Rail("VDD");
  const uint32_t channel = run.Channel("VDD", Quantity::QUANTITY_POWER, 1);
  run.WriteHeader();
  const auto phase = [&](v1::Phase now, int64_t at_ns) {
    v1::RunRecord record;
    record.mutable_phase()->set_phase(now);
    record.mutable_phase()->set_at_ns(at_ns);
    run.Write(record);
  };
  phase(v1::PHASE_MEASURE, 0);
  phase(v1::PHASE_DECIDING, 2 * kSecond);
  phase(v1::PHASE_MEASURE, 5 * kSecond);
  phase(v1::PHASE_LOOP, 7 * kSecond);
  run.Write(std::vector<Marker>{OperatorMarker(0, 0, kSecond, 2 * kSecond),
                                OperatorMarker(0, 1, 6 * kSecond, 7 * kSecond),
                                OperatorMarker(0, 0, 7 * kSecond, 9 * kSecond, v1::PHASE_LOOP)});
  run.WriteInstants(channel, {{0, 2}, {9 * kSecond, 2}});
  RunData data;
  for (const v1::Chunk& chunk : run.chunks()) ASSERT_TRUE(data.Add(chunk).ok());
  const Attribution a = Solve(data);
  EXPECT_NEAR(a.setup.time_s, 3, 1e-9);
  EXPECT_NEAR(a.idle.time_s, 1, 1e-9);
  EXPECT_NEAR(a.inference.time_s, 2, 1e-9);
  EXPECT_NEAR(a.all.time_s, 6, 1e-9);
  EXPECT_NEAR(*a.setup.energy_j[0], 6, 1e-9);
}

TEST(Integrate, RailsKeepTheirNamesAndTheBoardsOrder) {
  const Attribution a = Bench()
                            .Rail("VDD_IN", [](double) { return 5; })
                            .Rail("VDD_GPU", [](double) { return 1; })
                            .Rail("VDD_CPU", [](double) { return 3; })
                            .Markers({OperatorMarker(0, 0, kMillisecond, 2 * kMillisecond)})
                            .Solve(0, 5 * kMillisecond, kMillisecond);
  EXPECT_THAT(a.rails, testing::ElementsAre("VDD_IN", "VDD_GPU", "VDD_CPU"));
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 5e-3, 1e-12);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[1], 1e-3, 1e-12);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[2], 3e-3, 1e-12);
}

TEST(Integrate, AGapIsBridgedLinearly) {
  // Read at 0, 1 and 9 ms only; 1 W up to 1 ms, then up to 3 W at 9 ms.
  RunBuilder run;
  run.Rail("VDD");
  const uint32_t channel = run.Channel("VDD", Quantity::QUANTITY_POWER, 1);
  run.WriteHeader();
  run.WriteInstants(channel, {{0, 1}, {kMillisecond, 1}, {9 * kMillisecond, 3}});
  run.Write({OperatorMarker(0, 0, 3 * kMillisecond, 7 * kMillisecond)});
  RunData data;
  for (const v1::Chunk& chunk : run.chunks()) ASSERT_TRUE(data.Add(chunk).ok());
  const Attribution a = Solve(data);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 4e-3 * (1.5 + 2.5) / 2, 1e-15);  // 1.5 W to 2.5 W
  EXPECT_TRUE(a.partial);
}

TEST(Integrate, ARailWithoutSamplesHasNoEnergyAnywhereNotZero) {
  const Attribution a = Bench()
                            .Rail("VDD_IN", Constant)
                            .Markers({OperatorMarker(0, 0, kMillisecond, 2 * kMillisecond)})
                            .Solve(0, 5 * kMillisecond, kMillisecond);
  EXPECT_TRUE(a.warmup.energy_j[0].has_value());  // measured, and there was none
  EXPECT_DOUBLE_EQ(*a.warmup.energy_j[0], 0);

  RunBuilder run;
  run.Rail("VDD_IN");
  const uint32_t current = run.Channel("VDD_IN", Quantity::QUANTITY_CURRENT, 1);
  run.WriteHeader();
  run.WriteInstants(current, {{0, 1}, {5 * kMillisecond, 1}});  // and no voltage
  run.Write({OperatorMarker(0, 0, kMillisecond, 2 * kMillisecond)});
  RunData data;
  for (const v1::Chunk& chunk : run.chunks()) ASSERT_TRUE(data.Add(chunk).ok());
  const Attribution b = Solve(data);
  ASSERT_EQ(b.rails.size(), 1u);
  EXPECT_FALSE(b.ops[0].mean_energy_j[0].has_value());
  EXPECT_FALSE(b.ops[0].energy_share[0].has_value());
  for (const PhaseTotal* total : {&b.setup, &b.warmup, &b.inference, &b.idle, &b.all}) {
    EXPECT_FALSE(total->energy_j[0].has_value());
  }
  EXPECT_DOUBLE_EQ(b.inference.time_s, 1e-3);
}

TEST(Integrate, OutsideTheSamplesPowerHoldsForTenMillisecondsAndThenIsUnknown) {
  const auto solve = [](int64_t begin_ns) {
    return Bench()
        .Rail("VDD_IN", Constant)
        .Markers({OperatorMarker(0, 0, begin_ns, 120 * kMillisecond),
                  OperatorMarker(1, 0, 130 * kMillisecond, 140 * kMillisecond)})
        .Solve(100 * kMillisecond, 200 * kMillisecond, kMillisecond);
  };
  const Attribution held = solve(95 * kMillisecond);
  EXPECT_NEAR(*held.ops[0].mean_energy_j[0], 2 * 25e-3, 1e-12);
  const Attribution unknown = solve(85 * kMillisecond);
  EXPECT_FALSE(unknown.ops[0].mean_energy_j[0].has_value());
  EXPECT_NEAR(*unknown.ops[1].mean_energy_j[0], 2 * 10e-3, 1e-12);
  EXPECT_FALSE(unknown.inference.energy_j[0].has_value());
  EXPECT_FALSE(unknown.all.energy_j[0].has_value());
  EXPECT_DOUBLE_EQ(unknown.all.time_s, 55e-3);
}

TEST(Integrate, AnExecutionWithoutEnergyIsLeftOutOfTheMean) {
  const Attribution a = Bench()
                            .Rail("VDD_IN", Constant)
                            .Markers({OperatorMarker(0, 0, 10 * kMillisecond, 20 * kMillisecond),
                                      OperatorMarker(0, 1, 110 * kMillisecond, 112 * kMillisecond)})
                            .Solve(100 * kMillisecond, 200 * kMillisecond, kMillisecond);
  EXPECT_EQ(a.ops[0].executions, 2u);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 4e-3, 1e-12);
}

TEST(Integrate, OperatorsThatRunAtOnceShareThePowerEqually) {
  // Two threads: 10 to 30 ms and 20 to 40 ms.
  const Attribution a =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers(
              {OperatorMarker(0, 0, 10 * kMillisecond, 30 * kMillisecond, v1::PHASE_MEASURE, 0),
               OperatorMarker(1, 0, 20 * kMillisecond, 40 * kMillisecond, v1::PHASE_MEASURE, 1)})
          .Solve(0, 50 * kMillisecond, kMillisecond);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 2 * 15e-3, 1e-12);
  EXPECT_NEAR(*a.ops[1].mean_energy_j[0], 2 * 15e-3, 1e-12);
  EXPECT_DOUBLE_EQ(a.ops[0].time_s.mean, 20e-3);  // its whole span
  EXPECT_NEAR(a.inference.time_s, 30e-3, 1e-15);
  EXPECT_NEAR(*a.inference.energy_j[0], *a.all.energy_j[0], 1e-12);
  EXPECT_NEAR(a.overlapped_s, 10e-3, 1e-15);
  EXPECT_NEAR(*a.overlapped_share(), 1.0 / 3, 1e-12);
}

TEST(Integrate, TwoOperatorsAtOnceAtTwoWattsForThreeSecondsAreThreeJoulesEach) {
  const Attribution a =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers({OperatorMarker(0, 0, 1 * kSecond, 4 * kSecond, v1::PHASE_MEASURE, 1),
                    OperatorMarker(1, 0, 1 * kSecond, 4 * kSecond, v1::PHASE_MEASURE, 2)})
          .Solve(0, 5 * kSecond, kMillisecond);
  ASSERT_EQ(a.ops.size(), 2u);
  for (const OperatorResult& op : a.ops) {
    EXPECT_NEAR(*op.mean_energy_j[0], 3, 1e-12);
    EXPECT_DOUBLE_EQ(op.time_s.mean, 3);
    EXPECT_DOUBLE_EQ(op.time_share, 0.5);
  }
  EXPECT_NEAR(*a.inference.energy_j[0], 6, 1e-12);
  EXPECT_DOUBLE_EQ(a.overlapped_s, 3);
  EXPECT_DOUBLE_EQ(*a.overlapped_share(), 1);
}

TEST(Integrate, ThreeOperatorsShareInThirdsForAsLongAsTheyAreThree) {
  // 0 to 6 s, 2 to 4 s and 3 to 5 s at 2 W: alone until 2, two until 3, three until 4, two until 5.
  const Attribution a =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers({OperatorMarker(0, 0, 0, 6 * kSecond, v1::PHASE_MEASURE, 0),
                    OperatorMarker(1, 0, 2 * kSecond, 4 * kSecond, v1::PHASE_MEASURE, 1),
                    OperatorMarker(2, 0, 3 * kSecond, 5 * kSecond, v1::PHASE_MEASURE, 2)})
          .Solve(0, 7 * kSecond, kMillisecond);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 4 + 1 + 2.0 / 3 + 1 + 2, 1e-9);
  EXPECT_NEAR(*a.ops[1].mean_energy_j[0], 1 + 2.0 / 3, 1e-9);
  EXPECT_NEAR(*a.ops[2].mean_energy_j[0], 2.0 / 3 + 1, 1e-9);
  EXPECT_DOUBLE_EQ(a.overlapped_s, 3);
}

TEST(Integrate, OperatorsThatFollowEachOtherOnAnyThreadDoNotOverlap) {
  const Attribution a =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers({OperatorMarker(0, 0, 1 * kSecond, 2 * kSecond, v1::PHASE_MEASURE, 1),
                    OperatorMarker(1, 0, 2 * kSecond, 3 * kSecond, v1::PHASE_MEASURE, 2),
                    OperatorMarker(0, 1, 3 * kSecond, 4 * kSecond, v1::PHASE_MEASURE, 1)})
          .Solve(0, 5 * kSecond, kMillisecond);
  EXPECT_EQ(a.overlapped_s, 0);
  EXPECT_EQ(a.overlapped_share(), 0);
}

TEST(Integrate, OverlapsCountInMeasuredIterationsAlone) {
  const Attribution a =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers({OperatorMarker(0, 0, 1 * kSecond, 2 * kSecond, v1::PHASE_WARMUP, 1),
                    OperatorMarker(1, 0, 1 * kSecond, 2 * kSecond, v1::PHASE_WARMUP, 2)})
          .Solve(0, 5 * kSecond, kMillisecond);
  EXPECT_EQ(a.overlapped_s, 0);
  EXPECT_FALSE(a.overlapped_share().has_value());
}

TEST(Integrate, ANestedOperatorTakesItsEnergyFromTheOneAroundIt) {
  // One thread: 10 to 40 ms with 20 to 30 ms inside, and inside that one that began with it.
  const Attribution a = Bench()
                            .Rail("VDD_IN", Constant)
                            .Markers({OperatorMarker(0, 0, 10 * kMillisecond, 40 * kMillisecond),
                                      OperatorMarker(1, 0, 20 * kMillisecond, 30 * kMillisecond),
                                      OperatorMarker(2, 0, 20 * kMillisecond, 24 * kMillisecond)})
                            .Solve(0, 50 * kMillisecond, kMillisecond);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 2 * 20e-3, 1e-12);
  EXPECT_NEAR(*a.ops[1].mean_energy_j[0], 2 * 6e-3, 1e-12);
  EXPECT_NEAR(*a.ops[2].mean_energy_j[0], 2 * 4e-3, 1e-12);
  EXPECT_NEAR(*a.all.energy_j[0], 2 * 30e-3, 1e-12);
}

TEST(Integrate, OnOneThreadOperatorsThatOverlapGiveTheCommonPartToTheLater) {
  const Attribution a = Bench()
                            .Rail("VDD_IN", Constant)
                            .Markers({OperatorMarker(0, 0, 10 * kMillisecond, 30 * kMillisecond),
                                      OperatorMarker(1, 0, 20 * kMillisecond, 40 * kMillisecond)})
                            .Solve(0, 50 * kMillisecond, kMillisecond);
  EXPECT_NEAR(*a.ops[0].mean_energy_j[0], 2 * 10e-3, 1e-12);
  EXPECT_NEAR(*a.ops[1].mean_energy_j[0], 2 * 20e-3, 1e-12);
}

TEST(Integrate, AnyTangleOfOverlapsStillAddsUp) {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<Marker> markers;
    for (uint32_t i = 0; i < 200; ++i) {
      const int64_t begin = 10 * kMillisecond + static_cast<int64_t>(random() % 80) * kMillisecond;
      const int64_t length = static_cast<int64_t>(random() % 4) * kMillisecond;  // 0 among them
      const auto phase = random() % 3 == 0 ? v1::PHASE_WARMUP : v1::PHASE_MEASURE;
      markers.push_back(OperatorMarker(static_cast<uint32_t>(random() % 9), i, begin,
                                       begin + length, phase, static_cast<uint16_t>(random() % 4)));
    }
    const Attribution a = Bench()
                              .Rail("VDD_IN", [](double t) { return 5 + std::sin(1e4 * t); })
                              .Markers(markers)
                              .Solve(0, 110 * kMillisecond, 700'000);
    double ops_j = 0;
    for (const OperatorResult& op : a.ops) {
      ops_j += *op.mean_energy_j[0] * static_cast<double>(op.executions);
    }
    const double whole = *a.all.energy_j[0];
    ASSERT_NEAR(ops_j + *a.warmup.energy_j[0] + *a.idle.energy_j[0], whole, 1e-9 * whole);
    ASSERT_NEAR(a.warmup.time_s + a.inference.time_s + a.idle.time_s, a.all.time_s, 1e-9);
  }
}

TEST(Integrate, SetupAndWarmupAreNoPartOfTheOperators) {
  const Attribution a =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers({SetupMarker(kOpLoad, 10 * kMillisecond, 30 * kMillisecond),
                    SetupMarker(kOpInit, 31 * kMillisecond, 40 * kMillisecond),
                    OperatorMarker(0, 0, 50 * kMillisecond, 55 * kMillisecond, v1::PHASE_WARMUP),
                    OperatorMarker(0, 0, 60 * kMillisecond, 62 * kMillisecond)})
          .Solve(0, 100 * kMillisecond, kMillisecond);
  EXPECT_EQ(a.ops[0].executions, 1u);
  EXPECT_NEAR(a.setup.time_s, 29e-3, 1e-15);
  EXPECT_NEAR(a.warmup.time_s, 5e-3, 1e-15);
  EXPECT_NEAR(a.inference.time_s, 2e-3, 1e-15);
  EXPECT_NEAR(a.idle.time_s, 16e-3, 1e-15);
  EXPECT_NEAR(*a.idle.energy_j[0], 32e-3, 1e-12);
  EXPECT_EQ(a.setup_window->end_ns, 40 * kMillisecond);
  EXPECT_EQ(a.measure_window->begin_ns, 60 * kMillisecond);
}

TEST(Integrate, ARunThatWasCutShortGivesWhatIsThere) {
  const Attribution nothing = Solve(RunData());
  EXPECT_TRUE(nothing.partial);
  EXPECT_TRUE(nothing.ops.empty());
  EXPECT_FALSE(nothing.all_window.has_value());

  const Attribution no_markers =
      Bench().Rail("VDD_IN", Constant).Solve(0, 10 * kMillisecond, kMillisecond);
  EXPECT_FALSE(no_markers.all_window.has_value());
  ASSERT_EQ(no_markers.all.energy_j.size(), 1u);
  EXPECT_FALSE(no_markers.all.energy_j[0].has_value());

  const Attribution only_setup =
      Bench()
          .Rail("VDD_IN", Constant)
          .Markers({SetupMarker(kOpLoad, kMillisecond, 2 * kMillisecond)})
          .Solve(0, 10 * kMillisecond, kMillisecond);
  EXPECT_NEAR(*only_setup.all.energy_j[0], 2e-3, 1e-12);
  EXPECT_TRUE(only_setup.ops.empty());
  EXPECT_EQ(only_setup.iterations, 0u);
}

// 400 000 markers on 40 000 threads, all open at once: what is quadratic takes minutes here.
// back.
TEST(Integrate, ManyOpenMarkersTakeAboutLinearTime) {
  std::vector<Marker> markers;
  for (uint32_t i = 0; i < 400'000; ++i) {
    markers.push_back(OperatorMarker(i % 10, i, 10 * kMillisecond + i, 20 * kMillisecond + i,
                                     v1::PHASE_MEASURE, static_cast<uint16_t>(i % 40'000)));
  }
  const Attribution a =
      Bench().Rail("VDD_IN", Constant).Markers(markers).Solve(0, 30 * kMillisecond, 10'000);
  EXPECT_NEAR(*a.inference.energy_j[0], *a.all.energy_j[0], 1e-9);
}

}  // namespace
}  // namespace synergy
