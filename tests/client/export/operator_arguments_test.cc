#include "client/export/operator_arguments.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/client/export/exported.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

std::map<std::string, double> Numbers(const TrackArguments& arguments) {
  std::map<std::string, double> numbers;
  for (const TrackArgument& argument : arguments) {
    if (const auto* real = std::get_if<double>(&argument.value)) numbers[argument.name] = *real;
    if (const auto* whole = std::get_if<int64_t>(&argument.value)) {
      numbers[argument.name] = static_cast<double>(*whole);
    }
  }
  return numbers;
}

TEST(OperatorArguments, AnEnergyHasItsIntervalAndAGroupStandsForItsOperators) {
  RunReport report = ReportOf(SampleChunks());
  OpReport& op = report.ops.front();
  op.estimate.assign(2, OperatorEnergy());
  op.result.mean_energy_j = {0.05, std::nullopt};
  op.estimate[0]->energy_j = Estimate{.mean = 0.05, .low = 0.04, .high = 0.06};
  op.estimate[1]->group = 0;
  report.estimates.assign(2, RailEnergy());
  report.estimates[1]->groups = {{.ops = {0, 1},
                                  .energy_j = {.mean = 0.03, .low = 0.02, .high = 0.035},
                                  .more_iterations = {}}};
  EXPECT_EQ(Numbers(OperatorArguments(report, op.info, &op)),
            (std::map<std::string, double>{{"op", 0},
                                           {"macs", 1e6},
                                           {"flops", 2e6},
                                           {"bytes_read", 4000},
                                           {"bytes_written", 400},
                                           {"params", 10},
                                           {"energy_j_VDD_IN", 0.05},
                                           {"energy_j_ci95_low_VDD_IN", 0.04},
                                           {"energy_j_ci95_high_VDD_IN", 0.06},
                                           {"group_VDD_CPU", 1},
                                           {"group_energy_j_VDD_CPU", 0.03},
                                           {"group_energy_j_ci95_low_VDD_CPU", 0.02},
                                           {"group_energy_j_ci95_high_VDD_CPU", 0.035}}));
}

TEST(OperatorArguments, WhatIsNotKnownIsNotThere) {
  v1::OperatorInfo info;
  info.set_index(7);
  EXPECT_EQ(Numbers(OperatorArguments(ReportOf(SampleChunks()), info, nullptr)),
            (std::map<std::string, double>{{"op", 7}}));
}

TEST(OperatorArguments, ShapesAreTextWithoutBlobs) {
  v1::OperatorInfo info = SampleOperators().operators().operators(0);
  info.add_outputs();
  EXPECT_EQ(ShapesText(info.outputs()), "1x64x8x8, scalar");
}

}  // namespace
}  // namespace synergy
