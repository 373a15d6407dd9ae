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

TEST(EstimatesText, DoesNotAskForMoreIterationsThanARunMayHave) {
  GroupEnergy group;
  group.more_iterations = 300;
  EXPECT_EQ(WhatWouldHelp(group), "300 more iterations would tell them apart");
  group.more_iterations = 502'502'714'765;
  EXPECT_EQ(WhatWouldHelp(group), "no run would be long enough to tell them apart");
}

}  // namespace
}  // namespace synergy
