#include "client/analysis/gate.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ComparedValue Value(Level level, const std::string& name, double increase, double se) {
  Increase known;
  known.log = std::log1p(increase);
  known.se = se;
  known.degrees_of_freedom = 8;
  return {.level = level, .name = name, .spread = {}, .increase = known};
}

Comparison Of(std::vector<ComparedValue> values) {
  return {.rail = "VDD_IN", .metric = Metric::kEnergy, .values = std::move(values)};
}

GateDecision Decide(double increase, double se, std::vector<std::string> against = {}) {
  return JudgeGate(Of({Value(Level::kNetwork, "", increase, se)}), {}, {0.02, 0.05}, false, against)
      .decision;
}

TEST(Gate, DecidesWhereTheLimitLiesOutsideTheInterval) {
  EXPECT_EQ(Decide(0.00, 0.005), GateDecision::kPass);
  EXPECT_EQ(Decide(0.04, 0.005), GateDecision::kFail);
  EXPECT_EQ(Decide(0.00, 0.02), GateDecision::kInconclusive);
  EXPECT_EQ(Decide(0.04, 0.02), GateDecision::kInconclusive);
  // 1.859548 is the 95 % quantile of Student's t with 8 degrees of freedom.
  const double edge = 1.859548 * 0.005;
  EXPECT_EQ(Decide(std::expm1(std::log(1.02) - edge - 1e-5), 0.005), GateDecision::kPass);
  EXPECT_EQ(Decide(std::expm1(std::log(1.02) - edge + 1e-5), 0.005), GateDecision::kInconclusive);
}

TEST(Gate, AnInvalidRunNeitherPassesNorFails) {
  EXPECT_EQ(Decide(0.00, 0.001, {"run 3 is INVALID"}), GateDecision::kInconclusive);
  EXPECT_EQ(Decide(0.50, 0.001, {"run 3 is INVALID"}), GateDecision::kInconclusive);
}

// A partial run's row said PASS beside a headline that said INCONCLUSIVE.
TEST(Gate, WhereTheRunsCountForNothingTheRowsHaveNoDecision) {
  const GateResult result = JudgeGate(Of({Value(Level::kNetwork, "", 0, 0.001)}), {}, {0.02, 0.05},
                                      false, {"run 3 is partial"});
  EXPECT_EQ(DecisionName(result.rows[0].decision), "-");
  EXPECT_EQ(GateJson(result)["values"][0]["decision"], nullptr);
}

// relu by +3596 % between two runs of the same thing.
TEST(Gate, OperatorsWhoseScatterIsOnlyAssumedAreNotDecided) {
  std::vector<ComparedValue> values = {Value(Level::kNetwork, "", 0, 0.005),
                                       Value(Level::kOperator, "relu", 36, 0.015),
                                       Value(Level::kOperator, "conv", 0, 0.0001)};
  for (ComparedValue& value : values) value.spread.assumed = true;
  const GateResult result = JudgeGate(Of(values), {}, {0.02, 0.05}, true, {});
  EXPECT_EQ(result.decision, GateDecision::kInconclusive);
  ASSERT_EQ(result.rows.size(), 3u);
  EXPECT_EQ(result.rows[0].decision, GateDecision::kPass) << "the network's is not corrected";
  EXPECT_EQ(result.rows[1].decision, GateDecision::kInconclusive);
  EXPECT_EQ(result.rows[2].decision, GateDecision::kInconclusive);
  EXPECT_THAT(result.notes, ElementsAre(HasSubstr("operators are not decided by one run")));
}

TEST(Gate, TellsTheChangeThatItCanDetect) {
  const auto result =
      JudgeGate(Of({Value(Level::kNetwork, "", 0, 0.01)}), {}, {0.02, 0.05}, false, {});
  // 0.888890 is the 80 % quantile.
  EXPECT_NEAR(result.rows[0].log_detectable, (1.859548 + 0.888890) * 0.01, 1e-6);
}

TEST(Gate, OperatorsAreCorrectedForTheirNumber) {
  // Alone it would fail: p = 0.024. Of three it does not.
  std::vector<ComparedValue> values = {Value(Level::kNetwork, "", 0, 0.002),
                                       Value(Level::kOperator, "conv1", 0.045, 0.0104),
                                       Value(Level::kOperator, "relu1", 0, 0.002)};
  const GateRule rule{0.02, 0.05};
  EXPECT_EQ(Decide(0.045, 0.0104), GateDecision::kFail);
  auto result = JudgeGate(Of(values), {}, rule, true, {});
  EXPECT_EQ(result.decision, GateDecision::kInconclusive);
  EXPECT_EQ(result.rows[1].decision, GateDecision::kInconclusive);
  EXPECT_EQ(result.rows[0].decision, GateDecision::kPass);
  EXPECT_EQ(JudgeGate(Of(values), {}, rule, false, {}).decision, GateDecision::kPass)
      << "operators are not asked for";
  values[1] = Value(Level::kOperator, "conv1", 0.2, 0.01);
  result = JudgeGate(Of(values), {}, rule, true, {});
  EXPECT_EQ(result.decision, GateDecision::kFail) << "one that fails fails all";
  values[1].increase.reset();
  result = JudgeGate(Of(values), {}, rule, true, {});
  EXPECT_EQ(result.decision, GateDecision::kPass);
  EXPECT_EQ(result.unknown, 1u);
}

TEST(Gate, ANetworkThatIsNotKnownIsNoDecision) {
  ComparedValue unknown{.level = Level::kNetwork};
  const GateResult result = JudgeGate(Of({unknown}), {}, {0.02, 0.05}, false, {});
  EXPECT_EQ(result.decision, GateDecision::kInconclusive);
  EXPECT_THAT(result.against, ElementsAre(HasSubstr("energy of the network on VDD_IN")));
}

TEST(Gate, JsonHasTheDecisionAndItsInterval) {
  const auto json =
      GateJson(JudgeGate(Of({Value(Level::kNetwork, "", 0, 0.005)}), {}, {0.02, 0.05}, false, {}));
  EXPECT_EQ(json["decision"], "PASS");
  EXPECT_EQ(json["correction"], nullptr);
  EXPECT_LT(json["values"][0]["interval"][0], 0);
  EXPECT_GT(json["values"][0]["interval"][1], 0);
}

RunReport Report(double energy_j, double time_s) {
  RunReport report;
  report.method = std::string(kMethodLeastSquares);
  report.attribution.rails = {"VDD_IN"};
  report.attribution.iteration_time_s = MeanWithInterval{.mean = time_s, .ci95 = std::nullopt};
  InferenceReport inference;
  inference.energy_j = Estimate{energy_j, 0.99 * energy_j, 1.01 * energy_j};
  inference.has_interval = true;
  report.per_inference = {inference};
  return report;
}

TEST(RunValues, AnEnergyScattersAsTheIterationsTimesDo) {
  constexpr double kWidthOfSd = 1.959963984540054;
  RunReport report = Report(1, 2);  // the energy's own half width is 1 %
  report.attribution.iteration_time_s->ci95 = {.low = 1.9, .high = 2.1};
  const auto sd = [&](Metric metric) {
    return kWidthOfSd * ValuesOf(report, 0, metric).front().value->sd.value();
  };
  EXPECT_NEAR(sd(Metric::kTime), 0.05, 1e-9);
  EXPECT_NEAR(sd(Metric::kEnergy), std::hypot(0.05, 0.01), 1e-9);
  EXPECT_NEAR(sd(Metric::kEdp), 0.05 + std::hypot(0.05, 0.01), 1e-9);
  OpReport op;
  op.result.time_s = {.mean = 1e-3, .ci95 = {{.low = 0.5e-3, .high = 1.5e-3}}};
  op.result.mean_energy_j = {1e-3};
  report.ops = {op};
  EXPECT_NEAR(kWidthOfSd * ValuesOf(report, 0, Metric::kEnergy).back().value->sd.value(), 0.5, 1e-9)
      << "an energy that has no interval of its own";
}

TEST(CompareRuns, ComparesEnergyTimeAndTheirProduct) {
  const RunReport a = Report(1, 2), b = Report(1.1, 3);
  const ComparedRuns runs{.baseline = {&a}, .candidate = {&b}};
  const auto increase = [&](Metric metric) {
    return RatioLess1(CompareRuns(runs, "VDD_IN", metric, 0.01).values[0].increase->log);
  };
  EXPECT_NEAR(increase(Metric::kEnergy), 0.1, 1e-9);
  EXPECT_NEAR(increase(Metric::kTime), 0.5, 1e-9);
  EXPECT_NEAR(increase(Metric::kEdp), 0.65, 1e-9);
  EXPECT_TRUE(CompareRuns(runs, "VDD_GPU", Metric::kEnergy, 0.01).values.empty());
}

TEST(CompareRuns, OtherRunsTellTheScatterOfASingleOne) {
  const RunReport a = Report(1, 2), b = Report(1.1, 3), c = Report(1.02, 2), d = Report(0.98, 2);
  ComparedRuns runs{.baseline = {&a}, .candidate = {&b}};
  const auto spread = [&] {
    return CompareRuns(runs, "VDD_IN", Metric::kEnergy, 0.01).values[0].spread;
  };
  EXPECT_TRUE(spread().assumed);
  EXPECT_THAT(SpreadText(runs, spread()), HasSubstr("ASSUMED"));
  runs.others = {&c, &d};
  EXPECT_FALSE(spread().assumed);
  EXPECT_EQ(spread().degrees_of_freedom, 2);
  EXPECT_NEAR(std::sqrt(spread().variance), 0.02, 1e-4);
  const Comparison compared = CompareRuns(runs, "VDD_IN", Metric::kEnergy, 0.01);
  EXPECT_NEAR(compared.values[0].increase->log_baseline, 0, 1e-12) << "its value is its own";
}

TEST(Gate, PairsCancelWhatMovesBoth) {
  std::vector<RunReport> a, b;
  ComparedRuns runs;
  for (int i = 0; i < 8; ++i) {
    const double room = 1 + 0.1 * i;
    a.push_back(Report(room, 1));
    b.push_back(Report(1.05 * room * (i % 2 == 0 ? 1.001 : 0.999), 1));
  }
  for (const RunReport& report : a) runs.baseline.push_back(&report);
  for (const RunReport& report : b) runs.candidate.push_back(&report);
  const GateRule rule{0.02, 0.05};
  const GateResult pairs = JudgePairs(runs, "VDD_IN", Metric::kEnergy, rule, false, {});
  EXPECT_EQ(pairs.decision, GateDecision::kFail);
  EXPECT_EQ(pairs.correction, "");
  EXPECT_NEAR(RatioLess1(pairs.rows[0].log), 0.05, 1e-3);
  EXPECT_THAT(pairs.spread, HasSubstr("8 pairs;"));
  const ComparedRuns single{.baseline = {&a[0]}, .candidate = {&b[0]}};
  EXPECT_THAT(JudgePairs(single, "VDD_IN", Metric::kEnergy, rule, false, {}).spread,
              testing::AllOf(HasSubstr("1 pair;"), HasSubstr("3 pairs at least to decide")));
  EXPECT_THAT(pairs.spread, testing::Not(HasSubstr("at least")));
  const auto apart =
      JudgeGate(CompareRuns(runs, "VDD_IN", Metric::kEnergy, 0.01), runs, rule, false, {});
  EXPECT_EQ(apart.decision, GateDecision::kInconclusive);
  EXPECT_EQ(JudgePairs(runs, "VDD_IN", Metric::kEnergy, rule, false, {"run 3 is INVALID"}).decision,
            GateDecision::kInconclusive);
  const GateResult unknown = JudgePairs(runs, "VDD_GPU", Metric::kEnergy, rule, false, {});
  EXPECT_EQ(unknown.decision, GateDecision::kInconclusive);
  EXPECT_THAT(unknown.against, ElementsAre(HasSubstr("network on VDD_GPU")));
}

// 30 % more in the first pairs, then none: two intervals that exclude each other.
TEST(Gate, PairsThatAreNotOfOneIncreaseDecideNothing) {
  std::vector<RunReport> a, b;
  ComparedRuns runs;
  for (int i = 0; i < 14; ++i) {
    a.push_back(Report(1, 1));
    b.push_back(Report((i < 4 ? 1.3 : 1) * (i % 2 == 0 ? 1.001 : 0.999), 1));
  }
  for (const RunReport& report : a) runs.baseline.push_back(&report);
  for (const RunReport& report : b) runs.candidate.push_back(&report);
  for (const double limit : {0.01, 0.12, 0.2, 0.9}) {
    const GateResult result = JudgePairs(runs, "VDD_IN", Metric::kEnergy, {limit, 0.05}, false, {});
    EXPECT_EQ(result.decision, GateDecision::kInconclusive) << limit;
    EXPECT_LT(result.rows[0].log_low, result.rows[0].log);
    EXPECT_GT(result.rows[0].log_high, result.rows[0].log);
    EXPECT_THAT(result.notes, ElementsAre(HasSubstr("not of one increase")));
  }
}

TEST(Gate, PairsOfOperatorsAreCorrectedForTheirNumber) {
  std::vector<RunReport> a, b;
  ComparedRuns runs;
  for (int i = 0; i < 8; ++i) {
    const double off = i % 2 == 0 ? 1.01 : 0.99;
    a.push_back(Report(1, 1));
    b.push_back(Report(1.05 * off, 1));
    for (RunReport* report : {&a.back(), &b.back()}) {
      for (const char* name : {"conv1", "relu1"}) {
        OpReport& op = report->ops.emplace_back();
        op.info.set_name(name);
        op.result.mean_energy_j = {report == &b.back() ? 1.05 * off : 1};
      }
      // In a group with another one in one run.
      if (i == 3) report->ops.back().result.mean_energy_j = {std::nullopt};
    }
  }
  for (const RunReport& report : a) runs.baseline.push_back(&report);
  for (const RunReport& report : b) runs.candidate.push_back(&report);
  const GateRule rule{0.02, 0.05};
  const GateResult alone = JudgePairs(runs, "VDD_IN", Metric::kEnergy, rule, false, {});
  const GateResult all = JudgePairs(runs, "VDD_IN", Metric::kEnergy, rule, true, {});
  EXPECT_EQ(all.correction, "Bonferroni");
  EXPECT_EQ(all.unknown, 1u);
  ASSERT_EQ(all.rows.size(), 2u);
  EXPECT_EQ(all.rows[1].name, "conv1");
  EXPECT_NEAR(all.rows[1].log, all.rows[0].log, 1e-12);
  EXPECT_LT(all.rows[0].log_low, alone.rows[0].log_low);
  EXPECT_GT(all.rows[0].log_high, alone.rows[0].log_high);
}

TEST(DifferencesOf, NamesWhatDiffersAndWhatForbidsToCompare) {
  RunReport a = Report(1, 1), b = Report(1, 1);
  OpReport op;
  op.info.set_name("conv1");
  op.info.set_type("Conv");
  for (const int64_t dim : {1, 3, 8, 8}) op.info.add_inputs()->add_dims(dim);
  a.ops = b.ops = {op};
  EXPECT_TRUE(DifferencesOf(a, b).empty());
  b.header.mutable_job()->set_threads(4);
  b.header.mutable_job()->mutable_clocks()->set_governor("powersave");
  std::vector<std::string> what;
  for (const RunDifference& difference : DifferencesOf(a, b)) {
    what.push_back(difference.what);
    EXPECT_FALSE(difference.compares_otherwise);
  }
  EXPECT_THAT(what, ElementsAre("threads", "clocks"));
  b = a;
  b.ops[0].info.set_type("Relu");
  ASSERT_EQ(DifferencesOf(a, b).size(), 1u);
  EXPECT_EQ(DifferencesOf(a, b)[0].what, "network");
  EXPECT_FALSE(DifferencesOf(a, b)[0].compares_otherwise) << "a changed network is what is gated";
  b.header.mutable_job()->set_net_name("alexnet");
  b.header.mutable_job()->set_batch(2);
  what.clear();
  for (const RunDifference& difference : DifferencesOf(a, b)) {
    what.push_back(difference.what);
    EXPECT_TRUE(difference.compares_otherwise);
  }
  EXPECT_THAT(what, ElementsAre("network", "batch"));
}

TEST(DifferencesOf, ClocksThatWereSeenAreOneWithinTwoPercent) {
  RunReport a = Report(1, 1), b = Report(1, 1);
  a.conditions.clocks = {
      {.clock = "policy0", .lowest_hz = 102'000'000, .highest_hz = 1'734'000'000}};
  b.conditions.clocks = {
      {.clock = "policy0", .lowest_hz = 102'000'000, .highest_hz = 1'720'000'000}};
  EXPECT_TRUE(DifferencesOf(a, b).empty());
  b.conditions.clocks[0].highest_hz = 102'000'000;
  ASSERT_EQ(DifferencesOf(a, b).size(), 1u);
  EXPECT_EQ(DifferencesOf(a, b)[0].what, "highest clock");
  EXPECT_EQ(DifferencesOf(a, b)[0].a, "policy0 1734 MHz");
  EXPECT_EQ(DifferencesOf(a, b)[0].b, "policy0 102 MHz");
  b.conditions.clocks[0].highest_hz.reset();
  EXPECT_TRUE(DifferencesOf(a, b).empty()) << "it is not known";
}

TEST(DifferencesOf, IterationsOfAPrecisionAreTheBoards) {
  RunReport a = Report(1, 1), b = Report(1, 1);
  b.attribution.iterations = a.attribution.iterations + 1;
  EXPECT_EQ(DifferencesOf(a, b).size(), 1u);
  for (RunReport* report : {&a, &b}) report->header.mutable_job()->set_precision(0.02);
  EXPECT_TRUE(DifferencesOf(a, b).empty());
}

TEST(Gate, FailsWhereAPointFailsAndPassesWhereAllPass) {
  constexpr auto kPass = GateDecision::kPass, kFail = GateDecision::kFail,
                 kOpen = GateDecision::kInconclusive;
  const auto decide = [](std::vector<GateDecision> decisions) {
    std::vector<GateResult> points;
    for (const GateDecision decision : decisions) points.emplace_back().decision = decision;
    return DecisionOf(points);
  };
  EXPECT_EQ(decide({kPass, kPass}), kPass);
  EXPECT_EQ(decide({kPass, kOpen}), kOpen);
  EXPECT_EQ(decide({kOpen, kFail, kPass}), kFail);
}

TEST(Gate, EachPointOfSeveralHasItsPartOfAlpha) {
  const Comparison comparison = Of({Value(Level::kNetwork, "", 0, 0.01)});
  const auto one = JudgeGate(comparison, {}, {0.02, 0.01}, false, {});
  const auto of_five = JudgeGate(comparison, {}, {0.02, 0.05, 5}, false, {});
  EXPECT_NEAR(of_five.rows[0].log_high, one.rows[0].log_high, 1e-12);
  EXPECT_EQ(GateJson(of_five)["alpha"], 0.01);
}

}  // namespace
}  // namespace synergy
