#include "client/analysis/estimates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/analysis/report_json.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

// 50 and 25 mJ, each known to 2 mJ.
RailEnergy Known(const char* name) {
  RailEnergy rail;
  rail.rail = name;
  rail.moments.mean_j = Eigen::Vector2d(0.05, 0.025);
  rail.moments.model = 1e-6 * Eigen::Matrix2d::Identity();
  rail.moments.robust = rail.moments.model;
  rail.moments.t = 2;
  rail.inference_j = rail.moments.Sum(std::vector<uint32_t>{0, 1});
  for (const uint32_t op : {0u, 1u}) {
    OperatorEnergy energy;
    energy.energy_j = rail.moments.Sum(std::vector<uint32_t>{op});
    energy.dynamic_j = Estimate{.mean = 0.02, .low = 0.01, .high = 0.03};
    energy.readings = 100;
    energy.covered = 0.5;
    rail.ops.push_back(energy);
  }
  return rail;
}

RailEnergy Grouped(const char* name) {
  RailEnergy rail = Known(name);
  for (OperatorEnergy& energy : rail.ops) {
    energy.energy_j.reset();
    energy.dynamic_j.reset();
    energy.group = 0;
  }
  rail.groups.push_back(
      {.ops = {0, 1}, .energy_j = rail.inference_j, .more_iterations = std::nullopt});
  return rail;
}

// A run of conv1 (Conv) and relu1 (Relu), of which nothing is known on VDD_CPU.
RunReport ReportOf(RailEnergy in, const v1::RunRecord& operators = SampleOperators()) {
  RunData data;
  for (const v1::Chunk& chunk : SampleChunks(v1::JOB_STATE_DONE, operators)) {
    EXPECT_TRUE(data.Add(chunk).ok());
  }
  LeastSquares least_squares;
  least_squares.ops = {0, 1};
  RailEnergy cpu;
  cpu.rail = "VDD_CPU";
  cpu.why_not = "its sensor is too slow";
  least_squares.rails = {std::move(in), cpu};
  auto report = BuildReport(data, Solve(data), kMethodLeastSquares, nullptr, &least_squares);
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

TEST(Estimates, ATypeOrModuleOfKnownOperatorsHasTheirEnergyAndItsInterval) {
  const ordered_json json = ReportJson(ReportOf(Known("VDD_IN")));
  for (const ordered_json& group : {json["types"][0], json["by_module"][0]}) {
    EXPECT_NEAR(group["energy_j"]["VDD_IN"].get<double>(), 0.05, 1e-12);
    EXPECT_NEAR(group["energy_ci95_j"]["VDD_IN"][0].get<double>(), 0.048, 1e-12);
    EXPECT_NEAR(group["energy_ci95_j"]["VDD_IN"][1].get<double>(), 0.052, 1e-12);
    EXPECT_EQ(group["energy_ci95_j"]["VDD_CPU"], nullptr);
  }
}

// Alone in its type or module, an operator of a group would have there what it has nowhere else.
TEST(Estimates, ATypeOrModuleWithAPartOfAGroupHasNoEnergyAndNoInterval) {
  const ordered_json json = ReportJson(ReportOf(Grouped("VDD_IN")));
  for (const char* kind : {"types", "by_module"}) {
    ASSERT_EQ(json[kind].size(), 2u);
    for (const ordered_json& group : json[kind]) {
      EXPECT_EQ(group["energy_j"]["VDD_IN"], nullptr) << kind;
      EXPECT_EQ(group["energy_ci95_j"]["VDD_IN"], nullptr) << kind;
      EXPECT_EQ(group["energy_share"]["VDD_IN"], nullptr) << kind;
    }
  }
}

TEST(Estimates, ATypeOrModuleWithAllOfAGroupHasItsEnergy) {
  v1::RunRecord operators = SampleOperators();
  for (auto& info : *operators.mutable_operators()->mutable_operators()) {
    info.set_type("Conv");
    info.set_name("fire/" + info.name());
  }
  const ordered_json json = ReportJson(ReportOf(Grouped("VDD_IN"), operators));
  for (const char* kind : {"types", "by_module"}) {
    ASSERT_EQ(json[kind].size(), 1u);
    EXPECT_NEAR(json[kind][0]["energy_j"]["VDD_IN"].get<double>(), 0.075, 1e-12) << kind;
    EXPECT_NEAR(json[kind][0]["energy_ci95_j"]["VDD_IN"][0].get<double>(), 0.075 - 2e-3 * M_SQRT2,
                1e-12)
        << kind;
  }
}

}  // namespace
}  // namespace synergy
