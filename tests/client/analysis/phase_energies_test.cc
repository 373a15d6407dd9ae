#include "client/analysis/phase_energies.h"

#include <gtest/gtest.h>

#include "client/analysis/report_json.h"
#include "client/analysis/run_report.h"
#include "tests/client/sample_run.h"
#include "tests/support/synthetic_run.h"

namespace synergy {
namespace {

RunReport Estimated(const SyntheticRun& run) {
  const LeastSquares least_squares = SolveLeastSquares(run.data);
  return *BuildReport(run.data, Solve(run.data), kMethodLeastSquares, nullptr, &least_squares);
}

SyntheticRun Short(uint64_t seed, double drift = 0) {
  SyntheticOptions options;
  options.seed = seed;
  options.operators = 12;
  options.iterations = 150;
  options.idle_s = 0.5;
  options.stamps_are_window = true;
  options.drift = drift;
  return MakeSyntheticRun(options);
}

// 75 mJ in operators of 15 ms; an iteration takes 16 ms.
TEST(PhaseEnergies, AnInferenceIsWhatItsOperatorsTakeTogether) {
  RunData data;
  for (const v1::Chunk& chunk : SampleChunks()) ASSERT_TRUE(data.Add(chunk).ok());
  const RunReport report = *BuildReport(data, Solve(data));
  ASSERT_EQ(report.per_inference.size(), 2u);
  const InferenceReport& in = report.per_inference[0];
  EXPECT_FALSE(in.has_interval) << "integrated";
  EXPECT_NEAR(in.energy_j->mean, 0.075, 1e-9);
  EXPECT_NEAR(in.inferences_per_j->mean, 1 / 0.075, 1e-6);
  EXPECT_NEAR(*in.energy_delay_js, 0.075 * 0.016, 1e-9);
  EXPECT_FALSE(in.gflops_per_s_per_w.has_value()) << "nobody knows the FLOPs of relu1";
  const auto json = ReportJson(report)["per_inference"];
  EXPECT_EQ(json["flops"], nullptr);
  EXPECT_EQ(json["energy_j"]["VDD_IN"]["ci95"], nullptr);
  EXPECT_EQ(json["gflops_per_s_per_w"]["VDD_IN"], nullptr);
}

// 30 readings of 5 W that do not differ: nothing but the step of the sensor, which integration
// does not know here.
TEST(PhaseEnergies, SetupIsAnIntegralOfAsManyReadingsAsThereAre) {
  RunData data;
  for (const v1::Chunk& chunk : SampleChunks()) ASSERT_TRUE(data.Add(chunk).ok());
  const RunReport report = *BuildReport(data, Solve(data));
  ASSERT_TRUE(report.phases.setup[0].has_value());
  EXPECT_NEAR(report.phases.setup[0]->mean, 0.150, 1e-9);
  EXPECT_NEAR(report.phases.setup[0]->half_width(), 0, 1e-9);
  EXPECT_FALSE(report.phases.inference[0].has_value());
  EXPECT_FALSE(report.phases.unattributed_j[0].has_value());
}

TEST(PhaseEnergies, WithLeastSquaresThePartsAndWhatIsLeftAreTheWhole) {
  const RunReport report = Estimated(Short(1));
  const Attribution& totals = report.attribution;
  ASSERT_TRUE(report.phases.inference[0] && report.phases.idle[0]);
  ASSERT_TRUE(report.phases.unattributed_j[0].has_value());
  EXPECT_NEAR(*totals.setup.energy_j[0] + *totals.warmup.energy_j[0] +
                  report.phases.inference[0]->mean + report.phases.idle[0]->mean +
                  *report.phases.unattributed_j[0],
              *totals.all.energy_j[0], 1e-9);
  EXPECT_LT(std::abs(*report.phases.unattributed_j[0]), 0.01 * *totals.all.energy_j[0]);
  EXPECT_NEAR(report.phases.inference[0]->half_width(),
              150 * report.estimates[0]->inference_j.half_width(), 1e-9);
  EXPECT_GT(report.phases.idle[0]->half_width(), 0);
}

TEST(PhaseEnergies, IntervalsOfAnInferenceTurnIntoThoseOfItsInverse) {
  const RunReport report = Estimated(Short(2));
  const InferenceReport& one = report.per_inference[0];
  ASSERT_TRUE(one.has_interval && one.inferences_per_j);
  EXPECT_NEAR(one.inferences_per_j->low * one.energy_j->high, 1, 1e-12);
  EXPECT_NEAR(one.inferences_per_j->high * one.energy_j->low, 1, 1e-12);
}

}  // namespace
}  // namespace synergy
