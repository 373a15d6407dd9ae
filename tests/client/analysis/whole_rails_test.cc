#include "client/analysis/whole_rails.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/analysis/report_json.h"
#include "common/attribution/integrate.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// 75 mJ of an inference on VDD_IN, 30 mJ on VDD_CPU.
RunReport Sample() {
  RunData data;
  for (const v1::Chunk& chunk : SampleChunks()) EXPECT_TRUE(data.Add(chunk).ok());
  auto report = BuildReport(data, Solve(data));
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

// The same rails, beside each other.
RunReport Beside(v1::RailScope first, v1::RailScope second) {
  RunReport report = Sample();
  report.header.mutable_board()->mutable_rails(0)->set_scope(first);
  report.header.mutable_board()->mutable_rails(1)->set_scope(second);
  report.header.mutable_board()->mutable_rails(1)->clear_contained_in();
  report.whole.reset();
  AddWhole(&report);
  return report;
}

TEST(WholeRails, TheRailThatContainsTheOthersIsTheWhole) {
  const RunReport report = Sample();
  EXPECT_THAT(WholeRails(report), ElementsAre(0));
  EXPECT_EQ(report.top_rail(), 0u);
  EXPECT_EQ(NoWholeRailText(report), "");
  const auto json = ReportJson(report)["per_inference"];
  EXPECT_EQ(json["whole"]["name"], "VDD_IN");
  EXPECT_EQ(json["whole"]["scope"], "module");
  EXPECT_EQ(json["whole"]["energy_j"], json["energy_j"]["VDD_IN"]);
}

TEST(WholeRails, AModuleBesideItsCarrierBoardStandsForItself) {
  const RunReport report = Beside(v1::RAIL_SCOPE_CARRIER, v1::RAIL_SCOPE_MODULE);
  EXPECT_THAT(WholeRails(report), ElementsAre(1));
  EXPECT_EQ(report.top_rail(), 1u);
}

TEST(WholeRails, PartsBesideEachOtherAreAddedUp) {
  RunReport report = Beside(v1::RAIL_SCOPE_COMPONENT, v1::RAIL_SCOPE_COMPONENT);
  ASSERT_TRUE(report.whole.has_value());
  EXPECT_EQ(WholeName(report, *report.whole), "VDD_IN + VDD_CPU");
  EXPECT_NEAR(report.whole->inference.energy_j->mean, 0.105, 1e-9);
  EXPECT_NEAR(report.whole->inference.inferences_per_j->mean, 1 / 0.105, 1e-6);
  EXPECT_FALSE(report.whole->inference.has_interval) << "integrated energies have none";
  EXPECT_FALSE(report.whole->calibration.has_value());
  report.per_inference[0].energy_j = Estimate{0.075, 0.072, 0.078};
  report.per_inference[1].energy_j = Estimate{0.030, 0.026, 0.034};
  report.per_inference[0].has_interval = report.per_inference[1].has_interval = true;
  report.estimates = {RailEnergy(), RailEnergy()};
  report.estimates[0]->calibration = 0.01;
  report.estimates[1]->calibration = 0.02;
  AddWhole(&report);
  EXPECT_NEAR(report.whole->inference.energy_j->half_width(), 0.005, 1e-9) << "3 and 4 mJ";
  EXPECT_TRUE(report.whole->inference.has_interval);
  EXPECT_NEAR(*report.whole->calibration, 0.00135 / 0.105, 1e-9) << "both to one side";
}

TEST(WholeRails, ASumOfSomeOfThePartsIsNone) {
  RunReport report = Beside(v1::RAIL_SCOPE_COMPONENT, v1::RAIL_SCOPE_COMPONENT);
  report.whole.reset();
  report.per_inference[1].energy_j.reset();
  AddWhole(&report);
  EXPECT_FALSE(report.whole.has_value());
  EXPECT_TRUE(ReportJson(report)["per_inference"]["whole"].is_null());
}

TEST(WholeRails, WhatMayBeMeasuredTwiceIsNotAddedUp) {
  const RunReport report = Beside(v1::RAIL_SCOPE_UNSPECIFIED, v1::RAIL_SCOPE_COMPONENT);
  EXPECT_THAT(WholeRails(report), IsEmpty());
  EXPECT_FALSE(report.whole.has_value());
}

TEST(WholeRails, OfRailsBesideEachOtherTheOneThatTookTheMostIsOnTop) {
  RunReport report = Beside(v1::RAIL_SCOPE_COMPONENT, v1::RAIL_SCOPE_COMPONENT);
  EXPECT_EQ(report.top_rail(), 0u);
  report.attribution.inference.energy_j[1] = 1.0;
  EXPECT_EQ(report.top_rail(), 1u);
  EXPECT_EQ(NoWholeRailText(report),
            "no rail of this board is known to contain the others; VDD_CPU took the most");
}

}  // namespace
}  // namespace synergy
