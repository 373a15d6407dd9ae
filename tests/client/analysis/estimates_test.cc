#include "client/analysis/estimates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "client/analysis/report_csv.h"
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

// The two known together as well, and neither alone.
RailEnergy Grouped(const char* name) {
  RailEnergy rail = Known(name);
  const double variance = 4e-4, covariance = 1e-6 - variance;
  rail.moments.model << variance, covariance, covariance, variance;
  rail.moments.robust = rail.moments.model;
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
      EXPECT_EQ(group["groups"], (ordered_json{{"VDD_IN", {1}}})) << kind;
    }
  }
}

TEST(Estimates, InThePlaceOfAnEnergyAreTheGroupsThatHaveIt) {
  RunReport report = ReportOf(Grouped("VDD_IN"));
  EXPECT_EQ(GroupIdsOf(report, "type", report.types[0], 0), (std::set<size_t>{1}));
  EXPECT_EQ(GroupIdsOf(report, "module", report.modules[0], 0), (std::set<size_t>{1}));
  EXPECT_TRUE(GroupIdsOf(report, "type", report.types[0], 1).empty()) << "this rail says nothing";
  report = ReportOf(Known("VDD_IN"));
  EXPECT_TRUE(GroupIdsOf(report, "type", report.types[0], 0).empty());
  EXPECT_EQ(GroupsText({}), "");
  EXPECT_EQ(GroupsText({3}), "g3");
  EXPECT_EQ(GroupsText({1, 3, 4, 8}), "g1 g3 +2");
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

std::vector<std::string> KeysOf(const ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(Estimates, ARailWhoseOperatorsAreNotKnownHasTheKeysOfTheOthersAndNothingInThem) {
  const ordered_json json = ReportJson(ReportOf(Known("VDD_IN")));
  const ordered_json &known = json["energy"][0], &unknown = json["energy"][1];
  EXPECT_EQ(KeysOf(unknown), KeysOf(known));
  EXPECT_EQ(unknown["rail"], "VDD_CPU");
  EXPECT_EQ(unknown["operators_known"], false);
  EXPECT_EQ(unknown["why_not"], "its sensor is too slow");
  for (const auto& [key, value] : unknown.items()) {
    if (key != "rail" && key != "operators_known" && key != "why_not") {
      EXPECT_TRUE(value.is_null()) << key;
    }
  }
  const ordered_json& op = json["ops"][0];
  EXPECT_EQ(KeysOf(op["energy_j"]["VDD_CPU"]), KeysOf(op["energy_j"]["VDD_IN"]));
  EXPECT_EQ(op["energy_j"]["VDD_CPU"]["mean"], nullptr);
  EXPECT_EQ(op["energy_j"]["VDD_CPU"]["ci95"], nullptr);
  for (const char* key : {"dynamic_energy_j", "energy_delay_js", "readings", "covered"}) {
    EXPECT_FALSE(op[key]["VDD_IN"].is_null()) << key;
    EXPECT_TRUE(op[key]["VDD_CPU"].is_null()) << key;
    EXPECT_EQ(op[key].size(), 2u) << key;
  }
}

// By the header row's names.
std::vector<std::map<std::string, std::string>> CsvRows(const std::string& csv) {
  std::vector<std::map<std::string, std::string>> rows;
  std::vector<std::string> names;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    std::vector<std::string> fields;
    std::istringstream parts(line + ",end");
    for (std::string field; std::getline(parts, field, ',');) fields.push_back(field);
    if (names.empty()) {
      names = fields;
      continue;
    }
    EXPECT_EQ(fields.size(), names.size()) << line;
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < names.size(); ++i) row[names[i]] = fields.at(i);
  }
  return rows;
}

TEST(Estimates, TheCsvHasIntervalsDynamicEnergyAndEnergyDelay) {
  const auto rows = CsvRows(ReportCsv(ReportOf(Known("VDD_IN"))));
  ASSERT_EQ(rows.size(), 2u);
  const auto number = [&](const char* name) { return std::stod(rows[0].at(name)); };
  EXPECT_NEAR(number("energy_j_VDD_IN"), 0.05, 1e-12);
  EXPECT_NEAR(number("energy_j_ci95_low_VDD_IN"), 0.048, 1e-12);
  EXPECT_NEAR(number("energy_j_ci95_high_VDD_IN"), 0.052, 1e-12);
  EXPECT_EQ(rows[0].at("group_VDD_IN"), "");
  EXPECT_NEAR(number("dynamic_energy_j_VDD_IN"), 0.02, 1e-12);
  EXPECT_NEAR(number("dynamic_energy_j_ci95_low_VDD_IN"), 0.01, 1e-12);
  EXPECT_NEAR(number("dynamic_energy_j_ci95_high_VDD_IN"), 0.03, 1e-12);
  EXPECT_NEAR(number("energy_delay_js_VDD_IN"), 0.05 * 0.01, 1e-9);
  EXPECT_EQ(rows[0].at("energy_j_VDD_CPU") + rows[0].at("energy_j_ci95_low_VDD_CPU"), "");
}

TEST(Estimates, TheCsvTellsOperatorsOfAGroupFromUnknownOnesAndSaysWhatTheGroupCosts) {
  const std::string csv = ReportCsv(ReportOf(Grouped("VDD_IN")));
  for (const auto& row : CsvRows(csv)) {
    EXPECT_EQ(row.at("energy_j_VDD_IN"), "");
    EXPECT_EQ(row.at("group_VDD_IN"), "1");
    EXPECT_EQ(row.at("group_VDD_CPU"), "");
  }
  EXPECT_THAT(csv, testing::HasSubstr("\n# group: 1 on VDD_IN, operators 0 1: 0.075"));
}

}  // namespace
}  // namespace synergy
