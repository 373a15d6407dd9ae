#include "common/attribution/energy_estimator.h"

#include <cmath>
#include <iterator>

#include "gtest/gtest.h"
#include "tests/support/run_builder.h"
#include "tests/support/synthetic_run.h"

namespace synergy {
namespace {

SyntheticOptions Long(uint64_t seed) {
  SyntheticOptions options;
  options.seed = seed;
  options.operators = 24;
  options.iterations = 3'000;
  options.drift = 0.1;
  return options;
}

// As a device sends them: every `piece_ns` what came since.
std::vector<v1::Chunk> ChunksOf(const RunData& data, int64_t piece_ns) {
  RunBuilder builder;
  builder.header() = *data.header();
  builder.WriteHeader();
  for (const v1::PhaseChange& phase : data.phases()) {
    v1::RunRecord record;
    *record.mutable_phase() = phase;
    builder.Write(record);
  }
  auto marker = data.markers().begin();
  const auto& [channel, readings] = *data.readings().begin();
  auto reading = readings.begin();
  for (int64_t until = piece_ns; marker != data.markers().end() || reading != readings.end();
       until += piece_ns) {
    const auto last_marker = std::find_if(marker, data.markers().end(),
                                          [&](const Marker& m) { return m.end_ns > until; });
    const auto last_reading =
        std::find_if(reading, readings.end(), [&](const Reading& r) { return r.end_ns > until; });
    if (last_reading != reading) builder.Write(channel, {reading, last_reading});
    if (last_marker != marker) builder.Write({marker, last_marker});
    marker = last_marker;
    reading = last_reading;
  }
  builder.WriteEnd(v1::JOB_STATE_DONE);
  return builder.chunks();
}

double WeightedError(const SyntheticRun& run, const RailEnergy& rail) {
  double error = 0, all = 0;
  for (size_t i = 0; i < run.energy_j.size(); ++i) {
    all += run.energy_j[i];
    if (rail.ops[i].energy_j) error += std::abs(rail.ops[i].energy_j->mean - run.energy_j[i]);
  }
  return error / all;
}

TEST(EnergyEstimator, ChunksAsTheyComeSayWhatTheWholeRunSays) {
  const SyntheticRun run = MakeSyntheticRun(Long(1));
  const RailEnergy whole = SolveLeastSquares(run.data).rails.at(0);
  ASSERT_GT(whole.readings, 60'000u) << "several parts";
  for (const int64_t piece_ns : {int64_t{300'000'000}, int64_t{7'000'000'000}}) {
    EnergyEstimator estimator;
    for (const v1::Chunk& chunk : ChunksOf(run.data, piece_ns)) {
      ASSERT_TRUE(estimator.Add(chunk).ok());
    }
    const RailEnergy rail = estimator.Solve().rails.at(0);
    EXPECT_EQ(rail.readings, whole.readings);
    EXPECT_EQ(rail.used, whole.used);
    EXPECT_EQ(rail.integral_j, whole.integral_j);
    for (size_t i = 0; i < whole.ops.size(); ++i) {
      ASSERT_TRUE(rail.ops[i].energy_j && whole.ops[i].energy_j);
      EXPECT_EQ(rail.ops[i].energy_j->mean, whole.ops[i].energy_j->mean);
      EXPECT_EQ(rail.ops[i].energy_j->low, whole.ops[i].energy_j->low);
      EXPECT_EQ(rail.ops[i].readings, whole.ops[i].readings);
    }
  }
}

TEST(EnergyEstimator, LaterPartsAddWhatTheyKnow) {
  for (const bool known : {true, false}) {
    SyntheticOptions options = Long(2);
    options.stamps_are_window = known;
    const SyntheticRun run = MakeSyntheticRun(options);
    const RailEnergy rail = SolveLeastSquares(run.data).rails.at(0);
    EXPECT_LT(WeightedError(run, rail), 0.002);
    EXPECT_NEAR(rail.noise_steps, 0.3, 0.02);
    EXPECT_GT(static_cast<double>(rail.used), 0.8 * static_cast<double>(rail.readings));
    ASSERT_TRUE(rail.integral_j);
    EXPECT_NEAR(rail.operators_j + rail.between_j, *rail.integral_j, 0.005 * *rail.integral_j);
    EXPECT_NEAR(rail.inference_j.half_width() / rail.inference_j.mean, 0.0005, 0.0004);
  }
}

TEST(EnergyEstimator, MaySolveOnTheWay) {
  const SyntheticRun run = MakeSyntheticRun(Long(3));
  EnergyEstimator estimator;
  double widest = 1;
  const std::vector<v1::Chunk> chunks = ChunksOf(run.data, 1'000'000'000);
  for (size_t i = 0; i < chunks.size(); ++i) {
    ASSERT_TRUE(estimator.Add(chunks[i]).ok());
    if (i != chunks.size() / 4 && i + 1 != chunks.size()) continue;
    const RailEnergy rail = estimator.Solve().rails.at(0);
    ASSERT_EQ(rail.why_not, "");
    EXPECT_LT(rail.widest, 0.8 * widest);
    widest = rail.widest;
  }
  EXPECT_EQ(estimator.iterations(), 3'000u);
}

TEST(EnergyEstimator, WithoutAnOperatorItSaysWhy) {
  EXPECT_TRUE(EnergyEstimator().Solve().rails.empty());
}

}  // namespace
}  // namespace synergy
