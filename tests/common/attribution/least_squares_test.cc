#include "common/attribution/least_squares.h"

#include <algorithm>
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/synthetic_run.h"

namespace synergy {
namespace {

using testing::HasSubstr;

SyntheticOptions Short(uint64_t seed) {
  SyntheticOptions options;
  options.seed = seed;
  options.operators = 24;
  options.iterations = 200;
  options.idle_s = 0.5;
  return options;
}

RailEnergy Solve(const SyntheticRun& run) { return SolveLeastSquares(run.data).rails.at(0); }

double WeightedError(const SyntheticRun& run, const RailEnergy& rail) {
  double error = 0, all = 0;
  for (size_t i = 0; i < run.energy_j.size(); ++i) {
    all += run.energy_j[i];
    if (rail.ops[i].energy_j) error += std::abs(rail.ops[i].energy_j->mean - run.energy_j[i]);
  }
  return error / all;
}

TEST(LeastSquares, FindsOperatorsShorterThanTheSensorsCycle) {
  const SyntheticRun run = MakeSyntheticRun(Short(1));
  const RailEnergy rail = Solve(run);
  ASSERT_EQ(rail.why_not, "");
  EXPECT_EQ(rail.windows, WindowKind::kFitted);
  EXPECT_LT(WeightedError(run, rail), 0.005);
  EXPECT_NEAR(rail.noise_steps, 0.3, 0.05);
  EXPECT_LT(rail.place_sd_s, 10e-6);
  EXPECT_EQ(rail.delay_s, 0);
  ASSERT_TRUE(rail.idle_w.has_value());
  EXPECT_NEAR(rail.idle_w->mean, run.idle_w, 0.01 * run.idle_w);
}

TEST(LeastSquares, NeedsNoFitWhereWindowsAreKnown) {
  SyntheticOptions options = Short(2);
  options.stamps_are_window = true;
  const SyntheticRun run = MakeSyntheticRun(options);
  const RailEnergy rail = Solve(run);
  EXPECT_EQ(rail.windows, WindowKind::kKnown);
  EXPECT_EQ(rail.period_s, 0);
  EXPECT_LT(WeightedError(run, rail), 0.003);
}

// Of intervals that hold with 95 %, at least 88 of 100 hold but for 3 in 1000 such tests
// (binomial).
TEST(LeastSquares, ItsIntervalsHold) {
  int inside = 0, all = 0;
  for (uint64_t seed = 10; seed < 15; ++seed) {
    SyntheticOptions options = Short(seed);
    options.noise_steps = seed % 2 == 0 ? 0.1 : 0.3;
    const SyntheticRun run = MakeSyntheticRun(options);
    const RailEnergy rail = Solve(run);
    for (size_t i = 0; i < run.energy_j.size(); ++i) {
      if (!rail.ops[i].energy_j) continue;
      ++all;
      const Estimate& e = *rail.ops[i].energy_j;
      if (e.low <= run.energy_j[i] && run.energy_j[i] <= e.high) ++inside;
    }
  }
  ASSERT_GT(all, 100);
  EXPECT_GE(inside, 0.88 * all);
}

TEST(LeastSquares, IsTheSameEachTime) {
  const SyntheticRun run = MakeSyntheticRun(Short(3));
  const RailEnergy a = Solve(run), b = Solve(run);
  for (size_t i = 0; i < a.ops.size(); ++i) {
    ASSERT_EQ(a.ops[i].energy_j.has_value(), b.ops[i].energy_j.has_value());
    if (!a.ops[i].energy_j) continue;
    EXPECT_EQ(a.ops[i].energy_j->mean, b.ops[i].energy_j->mean);
    EXPECT_EQ(a.ops[i].energy_j->low, b.ops[i].energy_j->low);
  }
}

TEST(LeastSquares, TheBooksClose) {
  const SyntheticRun run = MakeSyntheticRun(Short(4));
  const RailEnergy rail = Solve(run);
  ASSERT_TRUE(rail.integral_j.has_value());
  EXPECT_NEAR(rail.operators_j + rail.between_j, *rail.integral_j, 0.005 * *rail.integral_j);
  EXPECT_NEAR(rail.operators_j, 200 * rail.inference_j.mean, 1e-9 * rail.operators_j);
  EXPECT_LT(std::abs(rail.residual_j), 0.001 * *rail.integral_j);
}

// A wild reading says something beyond the powers, for the time that it stands for.
TEST(LeastSquares, TheResidualIsWhatReadingsSayBeyondThePowers) {
  SyntheticOptions options = Short(8);
  const RailEnergy plain = Solve(MakeSyntheticRun(options));
  options.wild_every = 200;
  const RailEnergy wild = Solve(MakeSyntheticRun(options));
  const double more_j = *wild.integral_j - *plain.integral_j;
  EXPECT_GT(std::abs(more_j), 0.005 * *plain.integral_j);
  EXPECT_NEAR(wild.residual_j / more_j, 1, 0.15);
}

// Straight lines across a gap, and rounding, are not the powers' fault.
TEST(LeastSquares, TheResidualIsNotWhatSamplingMakesOfTheIntegral) {
  SyntheticOptions options = Short(4);
  options.level_steps = 1.3;
  options.dynamic_steps = 0.2;
  options.noise_steps = 0.05;
  const RailEnergy rail = Solve(MakeSyntheticRun(options));
  const double left_j = *rail.integral_j - rail.operators_j - rail.between_j;
  EXPECT_LT(std::abs(rail.residual_j), 0.002 * *rail.integral_j);
  EXPECT_GT(std::abs(left_j), 0.02 * *rail.integral_j) << "what rounding makes of it";
}

TEST(LeastSquares, WhatTheDeviceDrawsWhileItDecidesIsInNoNumberOfTheRun) {
  SyntheticOptions options = Short(4);
  options.decide_every = 40;
  const SyntheticRun run = MakeSyntheticRun(options);
  const RailEnergy rail = Solve(run);
  ASSERT_TRUE(rail.why_not.empty()) << rail.why_not;
  EXPECT_NEAR(rail.between_w->mean, run.idle_w, 0.05 * run.idle_w);
  EXPECT_NEAR(rail.idle_w->mean, run.idle_w, 0.02 * run.idle_w);
  EXPECT_NEAR(rail.operators_j + rail.between_j, *rail.integral_j, 0.005 * *rail.integral_j);
  EXPECT_LT(WeightedError(run, rail), 0.02);
}

// A quiet rail that stands on one step while the device decides is not stuck.
TEST(LeastSquares, OneNumberWhileTheDeviceDecidesIsNoFault) {
  SyntheticOptions options = Short(4);
  options.operators = 66;
  options.level_steps = 12;
  options.noise_steps = 0.08;
  options.decide_every = 40;
  const RailEnergy rail = Solve(MakeSyntheticRun(options));
  ASSERT_TRUE(rail.why_not.empty()) << rail.why_not;
  EXPECT_EQ(rail.stuck, 0u);
}

TEST(LeastSquares, OperatorsThatItCannotTellApartHaveOnlyTheirGroupsEnergy) {
  SyntheticOptions options = Short(5);
  options.iterations = 12;
  options.median_s = 5e-5;
  const SyntheticRun run = MakeSyntheticRun(options);
  const RailEnergy rail = Solve(run);
  ASSERT_FALSE(rail.groups.empty());
  size_t grouped = 0;
  for (size_t i = 0; i < rail.ops.size(); ++i) {
    EXPECT_NE(rail.ops[i].group.has_value(), rail.ops[i].energy_j.has_value()) << i;
    if (rail.ops[i].energy_j) {
      EXPECT_LE(rail.ops[i].energy_j->half_width(), kWidestAlone * rail.ops[i].energy_j->mean);
    }
  }
  for (const GroupEnergy& group : rail.groups) {
    grouped += group.ops.size();
    EXPECT_GT(group.more_iterations, 0u);
  }
  EXPECT_EQ(grouped, static_cast<size_t>(std::ranges::count_if(
                         rail.ops, [](const OperatorEnergy& op) { return op.group.has_value(); })));
}

bool IsAlone(const RailEnergy& rail, uint32_t op) { return !rail.ops[op].group.has_value(); }

// Noise decides which operators are too wide, and mostly those that it made look larger or smaller
// than they are: still most are apart after as many iterations more as the group says.
TEST(LeastSquares, AfterSoManyMoreIterationsMostGroupsAreApart) {
  int apart = 0, all = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SyntheticOptions options = Short(seed);
    options.iterations = 60;
    options.median_s = 1e-4;
    const RailEnergy rail = Solve(MakeSyntheticRun(options));
    for (const GroupEnergy& group : rail.groups) {
      if (!group.more_iterations || *group.more_iterations > 1500) continue;
      SyntheticOptions longer = options;
      longer.iterations += static_cast<int>(*group.more_iterations);
      const RailEnergy after = Solve(MakeSyntheticRun(longer));
      ++all;
      apart += std::ranges::all_of(group.ops, [&](uint32_t op) { return IsAlone(after, op); });
    }
  }
  EXPECT_GE(all, 8);
  EXPECT_GE(4 * apart, 3 * all) << apart << " of " << all;
}

TEST(LeastSquares, BearsADriftOfTheWholeRail) {
  SyntheticOptions options = Short(6);
  options.drift = 0.1;
  const SyntheticRun run = MakeSyntheticRun(options);
  EXPECT_LT(WeightedError(run, Solve(run)), 0.01);
}

// 10 % of 12.3 steps of 10 mW; the prior pulls it a little towards none.
TEST(LeastSquares, SaysHowFarTheRailDrifted) {
  SyntheticOptions options = Short(6);
  EXPECT_LT(Solve(MakeSyntheticRun(options)).drift_w.mean, 0.2 * 0.0123);
  options.drift = 0.1;
  const Estimate drift = Solve(MakeSyntheticRun(options)).drift_w;
  EXPECT_NEAR(drift.mean, 0.0123, 0.1 * 0.0123);
  EXPECT_LT(drift.half_width(), 0.1 * 0.0123);
}

TEST(LeastSquares, FindsTheSensorsDelay) {
  for (const double delay_s : {5e-3, 0.3e-3}) {  // of many of its cycles, and of a part of one
    SyntheticOptions options = Short(9);
    options.delay_s = delay_s;
    const SyntheticRun run = MakeSyntheticRun(options);
    const RailEnergy rail = Solve(run);
    EXPECT_NEAR(rail.delay_s, delay_s, 840e-6 / 16);
    EXPECT_EQ(rail.windows, WindowKind::kFitted);
    EXPECT_LT(WeightedError(run, rail), 0.005);
  }
}

TEST(LeastSquares, MissingReadingsDropOut) {
  SyntheticOptions options = Short(7);
  options.failed = 0.05;
  const SyntheticRun run = MakeSyntheticRun(options);
  EXPECT_LT(WeightedError(run, Solve(run)), 0.01);
}

TEST(LeastSquares, WildReadingsAreLeftOutAndCounted) {
  SyntheticOptions options = Short(8);
  const RailEnergy plain = Solve(MakeSyntheticRun(options));
  options.wild_every = 1000;
  const SyntheticRun run = MakeSyntheticRun(options);
  const RailEnergy rail = Solve(run);
  EXPECT_EQ(plain.outliers, 0u);
  EXPECT_GE(rail.outliers, rail.used / 1000 - 2);
  EXPECT_NEAR(rail.noise_steps, plain.noise_steps, 0.02) << "else they would make the noise";
  EXPECT_LT(WeightedError(run, rail), 0.005);
}

// As an imported trace's: readings are exact but for noise of a million of their units.
TEST(LeastSquares, OneWildReadingOfASensorWithoutStepsChangesNothing) {
  for (const int iterations : {60, 200}) {
    SyntheticOptions options = Short(9);
    options.iterations = iterations;
    options.stamps_are_window = true;
    for (double* steps : {&options.noise_steps, &options.level_steps, &options.dynamic_steps}) {
      *steps *= 3e6;
    }
    const RailEnergy plain = Solve(MakeSyntheticRun(options));
    options.wild_every = 900;  // and the first one
    const SyntheticRun run = MakeSyntheticRun(options);
    const RailEnergy rail = Solve(run);
    EXPECT_EQ(plain.outliers, 0u);
    EXPECT_GE(rail.outliers, 1u);
    EXPECT_LE(rail.outliers, rail.used / 900 + 1);
    EXPECT_NEAR(rail.noise_steps / plain.noise_steps, 1, 0.05);
    EXPECT_NEAR(rail.inference_j.mean, plain.inference_j.mean,
                0.3 * plain.inference_j.half_width());
    EXPECT_NEAR(rail.inference_j.half_width() / plain.inference_j.half_width(), 1, 0.1);
    EXPECT_LT(WeightedError(run, rail), 0.01);
  }
}

TEST(LeastSquares, NoiseIsNoDelayOfASensorWithoutSteps) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SyntheticOptions options = Short(seed);
    options.iterations = 60;
    options.stamps_are_window = true;
    options.dynamic_steps = 1;
    for (double* steps : {&options.noise_steps, &options.level_steps, &options.dynamic_steps}) {
      *steps *= 3e6;
    }
    EXPECT_EQ(Solve(MakeSyntheticRun(options)).delay_s, 0) << seed;
  }
}

// All readings are one number: with a step, and as of an imported trace without one.
TEST(LeastSquares, ARailThatNeverLeavesAStepIsKnownToAboutAStep) {
  for (const double unit : {1.0, 3e6}) {
    SyntheticOptions options = Short(1);
    options.stamps_are_window = true;
    options.noise_steps = options.dynamic_steps = 0;
    options.level_steps = 500.3 * unit;
    const SyntheticRun run = MakeSyntheticRun(options);
    const RailEnergy rail = Solve(run);
    EXPECT_EQ(rail.delay_s, 0) << unit;
    EXPECT_TRUE(rail.groups.empty()) << unit;
    double truth = 0;
    for (const double j : run.energy_j) truth += j;
    EXPECT_LE(rail.inference_j.low, truth) << unit;
    EXPECT_GE(rail.inference_j.high, truth) << unit;
    EXPECT_LT(rail.inference_j.half_width(), truth / (500 * unit)) << "about half a step, " << unit;
  }
}

TEST(LeastSquares, SaysWhyARailHasNoOperators) {
  RunBuilder builder;
  builder.Rail("VDD");
  const uint32_t channel = builder.Channel("VDD", v1::ChannelInfo::QUANTITY_POWER, 0.01);
  builder.WriteHeader();
  builder.WriteInstants(channel, {{0, 100}, {1'000'000, 100}});
  RunData data;
  for (const v1::Chunk& chunk : builder.chunks()) ASSERT_TRUE(data.Add(chunk).ok());
  EXPECT_THAT(SolveLeastSquares(data).rails.at(0).why_not, HasSubstr("no operator was measured"));
}

}  // namespace
}  // namespace synergy
