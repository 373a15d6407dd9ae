#include "client/report/estimates_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

RunReport Report(double step_w, double noise_steps) {
  RunReport report;
  report.attribution.rails = {"VDD_IN"};
  RailEnergy rail;
  rail.rail = "VDD_IN";
  rail.used = 1338;
  rail.step_w = step_w;
  rail.noise_steps = noise_steps;
  report.estimates = {rail};
  return report;
}

TEST(EstimatesText, SaysTheNoiseInSteps) {
  EXPECT_THAT(EstimatesText(Report(0.038, 0.3)),
              HasSubstr("\n  1338 readings of 38 mW a step, 0.30 steps of noise\n"));
}

// Of a trace whose numbers are exact: their last digit is no step of a sensor.
TEST(EstimatesText, SaysTheNoiseInWattsWhereThereIsNoStepWorthItsName) {
  EXPECT_THAT(EstimatesText(Report(1e-12, 1e10)),
              AllOf(HasSubstr("\n  1338 readings, 0.01 W of noise\n"), Not(HasSubstr("step"))));
}

TEST(EstimatesText, NoHalfWidthIsShownAsZero) {
  RunReport report = Report(0.038, 0.3);
  report.estimates[0]->inference_j = {.mean = 1e-6, .low = 0.99998e-6, .high = 1.00002e-6};
  EXPECT_THAT(EstimatesText(report),
              HasSubstr("VDD_IN: 0.001000000 ± 0.000000020 mJ an inference"));
  OpReport op;
  op.result.mean_energy_j = {1e-7};
  OperatorEnergy energy;
  energy.energy_j = Estimate{1e-7, 0.99e-7, 1.01e-7};
  op.estimate = {energy};
  EXPECT_EQ(EnergyCell(report, op, 0), "0.0001000");
  EXPECT_EQ(IntervalCell(op, 0), "1.0");
  op.estimate[0]->energy_j = Estimate{0.1, 0.1 - 2.5e-6, 0.1 + 2.5e-6};
  EXPECT_EQ(IntervalCell(op, 0), "0.0025");
  op.result.mean_energy_j = {0.1};
  EXPECT_EQ(EnergyCell(report, op, 0), "100.0000");
}

TEST(EstimatesText, DigitsThatAnIntervalDoesNotKnowAreNotShown) {
  RunReport report = Report(0.038, 0.3);
  report.estimates[0]->inference_j = {.mean = 1.127454, .low = 1.11371, .high = 1.141198};
  EXPECT_THAT(EstimatesText(report), HasSubstr("VDD_IN: 1127 ± 14 mJ an inference"));
  const Estimate wide{.mean = 0.0257, .low = 0.0224, .high = 0.0290};
  EXPECT_EQ(MeanCell(wide.mean, wide, 1e3), "25.7");
  EXPECT_EQ(HalfWidthPercent(wide), "13");
  EXPECT_EQ(MeanCell(wide.mean, std::nullopt, 1e3), "25.700");
}

TEST(EstimatesText, DoesNotAskForMoreIterationsThanARunMayHave) {
  GroupEnergy group;
  group.more_iterations = 300;
  EXPECT_EQ(WhatWouldHelp(group), "at least 300 more iterations would tell them apart");
  group.more_iterations = 502'502'714'765;
  EXPECT_EQ(WhatWouldHelp(group), "no run would be long enough to tell them apart");
}

}  // namespace
}  // namespace synergy
