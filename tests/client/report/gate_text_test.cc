#include "client/report/gate_text.h"

#include <cmath>

#include "client/report/comparison_text.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

GateResult Result() {
  GateResult result;
  result.rule = {0.02, 0.05};
  result.rail = "VDD_IN";
  result.decision = GateDecision::kFail;
  result.rows = {{.decision = GateDecision::kPass, .log = 0, .log_low = -0.01, .log_high = 0.01},
                 {.level = Level::kOperator,
                  .name = "a<b>|\"c\"",
                  .decision = GateDecision::kFail,
                  .log = std::log(1.05),
                  .log_low = std::log(1.04),
                  .log_high = std::log(1.06)}};
  result.correction = "Holm";
  result.spread = "runs scatter by 1 %";
  return result;
}

TEST(GateText, SaysDecisionLimitAndInterval) {
  EXPECT_THAT(GateText({Result()}, 0),
              AllOf(StartsWith("FAIL: energy on VDD_IN at most +2.00 %\n"),
                    HasSubstr("+4.00 % to +6.00 %"), HasSubstr("90 %"),
                    HasSubstr("number of comparisons (Holm)"), HasSubstr("runs scatter by 1 %")));
}

TEST(GateText, BoundsThatSayNothingAreShort) {
  GateResult result = Result();
  result.rows[0].log_low = -300;
  result.rows[0].log_high = result.rows[0].log_detectable = 300;
  const std::string text = GateText({result}, 0);
  EXPECT_THAT(text, HasSubstr("-100.00 % to over +1000000 %"));
  EXPECT_THAT(text, Not(HasSubstr("0000000000")));
}

TEST(GateMarkdown, IsATableWhoseCellsHoldWhatTheyAreGiven) {
  EXPECT_THAT(GateMarkdown({Result()}),
              AllOf(StartsWith("### FAIL: "), HasSubstr("| a&lt;b&gt;\\|\"c\" | FAIL |")));
  GateResult result = Result();
  result.rows[1].name = "@all [x](y) `z`";
  result.notes = {"<img> differs"};
  EXPECT_THAT(GateMarkdown({result}), AllOf(HasSubstr("| &#64;all \\[x](y) \\`z\\` | FAIL |"),
                                            HasSubstr("- &lt;img&gt; differs\n")));
}

TEST(GateJunit, EscapesNamesAndCountsWhatDidNotPass) {
  GateResult result = Result();
  result.against = {"run 3 is INVALID"};
  EXPECT_THAT(GateJunit({result}),
              AllOf(HasSubstr("tests=\"3\" failures=\"1\" errors=\"1\""),
                    HasSubstr("name=\"a&lt;b&gt;|&quot;c&quot;\"><failure message=\"FAIL: "),
                    HasSubstr("<error message=\"INCONCLUSIVE: run 3 is INVALID\"/>"),
                    HasSubstr("name=\"network\"/>")));
}

TEST(GateJunit, SkipsRowsWhoseDecisionIsWithheldAndSaysWhy) {
  GateResult result = Result();
  result.against = {"run 3 is INVALID: \"no_readings\""};
  result.rows.pop_back();
  result.rows[0].decision = GateDecision::kWithheld;
  EXPECT_THAT(
      GateJunit({result}),
      AllOf(
          HasSubstr("tests=\"2\" failures=\"0\" errors=\"1\" skipped=\"1\""),
          HasSubstr("name=\"network\"><skipped message=\"not decided (run 3 is INVALID: "
                    "&quot;no_readings&quot;): network: +0.00 %, interval -1.00 % to +1.01 %\"/>"),
          HasSubstr("name=\"runs\"><error message=\"INCONCLUSIVE: run 3 is INVALID"),
          Not(HasSubstr("-: "))));
}

TEST(GateAnnotations, AreCommandsOfALineEach) {
  GateResult result = Result();
  result.rows[1].name = "50%";
  EXPECT_EQ(GateAnnotations({result}),
            "::error title=synergyctl gate FAIL::50%25: +5.00 %25, interval +4.00 %25 to +6.00 "
            "%25\n");
  result.rows.pop_back();
  result.decision = GateDecision::kPass;
  EXPECT_THAT(GateAnnotations({result}), StartsWith("::notice title=synergyctl gate PASS::"));
}

TEST(GateAnnotations, LeaveRoomForWhatFailed) {
  GateResult result = Result();
  const GateRow undecided = {.name = "relu", .decision = GateDecision::kInconclusive};
  result.rows.insert(result.rows.begin(), 64, undecided);
  const std::string text = GateAnnotations({result});
  const auto lines = [&](const std::string& of) {
    size_t count = 0;
    for (size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) ++count;
    return count;
  };
  EXPECT_EQ(lines("::warning "), 6u);
  EXPECT_EQ(lines("::error "), 1u);
  EXPECT_THAT(text, HasSubstr("::warning title=synergyctl gate INCONCLUSIVE::59 more rows\n"));
}

TEST(GateTexts, SayThatABoardIsSimulated) {
  GateResult result = Result();
  result.simulated = "SIMULATED: the powers come from a model.";
  EXPECT_THAT(GateText({result}, 0), StartsWith("FAIL: SIMULATED energy on VDD_IN"));
  EXPECT_THAT(GateMarkdown({result}), StartsWith("### FAIL: SIMULATED energy on VDD_IN"));
  EXPECT_THAT(GateJunit({result}), AllOf(HasSubstr("<testsuite name=\"SIMULATED energy on VDD_IN"),
                                         HasSubstr("SIMULATED: the powers come from a model.")));
  EXPECT_THAT(GateAnnotations({result}),
              StartsWith("::error title=synergyctl gate FAIL (SIMULATED)::"));
  EXPECT_TRUE(GateJson(result)["simulated"].get<bool>());
  result.simulated.clear();
  for (const std::string& text : {GateText({result}, 0), GateMarkdown({result}),
                                  GateJunit({result}), GateAnnotations({result})}) {
    EXPECT_THAT(text, Not(HasSubstr("SIMULATED")));
  }
  EXPECT_FALSE(GateJson(result)["simulated"].get<bool>());
}

std::vector<GateResult> TwoPoints() {
  GateResult first = Result(), second;
  first.rule.points = second.rule.points = 2;
  first.point = "squeezenet threads=1";
  second.point = "alexnet threads=1";
  second.rule.max_increase = 0.02;
  second.decision = GateDecision::kPass;
  second.rows = {{.decision = GateDecision::kPass, .log_low = -0.01, .log_high = 0.01}};
  second.spread = "3 pairs";
  return {first, second};
}

TEST(GateTexts, OfSeveralPointsShowEachAndTheWhole) {
  const std::vector<GateResult> points = TwoPoints();
  EXPECT_THAT(GateText(points, 0),
              AllOf(StartsWith("FAIL: energy on VDD_IN at most +2.00 %, 2 points\n"),
                    HasSubstr("squeezenet threads=1: a<b>"), HasSubstr("alexnet threads=1 "),
                    HasSubstr("1 PASS, 1 FAIL; each point is tested at 2.5 %, all together at 5 %"),
                    HasSubstr("alexnet threads=1: intervals of 95 % (2.5 % to either side)")));
  EXPECT_THAT(GateMarkdown(points),
              AllOf(StartsWith("### FAIL: "), HasSubstr("| squeezenet threads=1 | PASS |"),
                    HasSubstr("| alexnet threads=1 | PASS |")));
  EXPECT_THAT(GateJunit(points), AllOf(HasSubstr("tests=\"3\" failures=\"1\" errors=\"0\""),
                                       HasSubstr("name=\"alexnet threads=1\"/>")));
  EXPECT_EQ(GateAnnotations(points),
            "::error title=synergyctl gate FAIL::squeezenet threads=1: a<b>|\"c\": +5.00 %25, "
            "interval +4.00 %25 to +6.00 %25\n"
            "::notice title=synergyctl gate PASS::energy on VDD_IN at most +2.00 %25, 2 points; "
            "alexnet threads=1: +0.00 %25, interval -1.00 %25 to +1.01 %25\n"
            "::error title=synergyctl gate FAIL::energy on VDD_IN at most +2.00 %25, 2 points: "
            "1 PASS, 1 FAIL\n");
  EXPECT_EQ(GateLine(points[1]), "alexnet threads=1: +0.00 %, interval -1.00 % to +1.01 %: PASS");
}

TEST(GateTexts, OfAPointThatWasLeftOutSayItIsNotDecided) {
  std::vector<GateResult> points = TwoPoints();
  points[1] = NotMeasured(points[0], points[1].point);
  constexpr char kWhy[] = "not measured: squeezenet threads=1 had failed, and with it the gate";
  EXPECT_THAT(GateText(points, 0),
              AllOf(StartsWith("FAIL: "), HasSubstr("1 FAIL, 1 not measured; each point"),
                    HasSubstr(fmt::format("alexnet threads=1: {}\n", kWhy))));
  EXPECT_THAT(GateMarkdown(points), HasSubstr(fmt::format("- alexnet threads=1: {}\n", kWhy)));
  EXPECT_THAT(
      GateJunit(points),
      AllOf(HasSubstr("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""),
            HasSubstr(fmt::format("name=\"alexnet threads=1\"><skipped message=\"{}\"/>", kWhy))));
  EXPECT_THAT(GateAnnotations(points), Not(HasSubstr("alexnet")));
  EXPECT_FALSE(GateJson(points[1])["measured"].get<bool>());
  EXPECT_EQ(GateJson(points[1])["decision"], "INCONCLUSIVE");
}

TEST(GateTexts, WithoutAnyNumberSayWhy) {
  GateResult result;
  result.rule = {0.02, 0.05};
  result.against = {"the energy is not known"};
  EXPECT_THAT(GateText({result}, 0), AllOf(StartsWith("INCONCLUSIVE: "), HasSubstr("not known"),
                                           Not(HasSubstr("intervals of"))));
  EXPECT_THAT(GateJunit({result}), HasSubstr("tests=\"1\" failures=\"0\" errors=\"1\""));
  EXPECT_THAT(GateAnnotations({result}), StartsWith("::warning "));
}

TEST(ComparisonText, HasARowForEachValueAndADashForWhatIsNotKnown) {
  Comparison comparison{.rail = "VDD_IN", .metric = Metric::kEnergy, .values = {}};
  Increase increase;
  increase.log = increase.log_candidate = std::log(1.1);
  increase.se = increase.se_candidate = 0.01;
  increase.degrees_of_freedom = 1e9;
  comparison.values = {{.level = Level::kNetwork, .increase = increase},
                       {.level = Level::kOperator, .name = "conv1"}};
  EXPECT_THAT(ComparisonText(comparison, 0),
              AllOf(HasSubstr("energy on VDD_IN"), HasSubstr("1000 mJ"), HasSubstr("1100 mJ"),
                    HasSubstr("100 mJ ± 22 mJ"), HasSubstr("+10.0 %"),
                    HasSubstr("+7.9 % to +12.2 %"), HasSubstr("not known alone in each run"),
                    HasSubstr("each interval stands alone: of 2 one in 20 misses by chance")));
  comparison.values.pop_back();
  EXPECT_THAT(ComparisonText(comparison, 0), Not(HasSubstr("by chance")));
}

TEST(ComparisonText, ShowsAsManyDigitsAsAreKnown) {
  Comparison comparison{.rail = "", .metric = Metric::kTime, .values = {}};
  Increase increase;
  increase.log_baseline = std::log(7.1234567e-3);
  increase.log_candidate = increase.log_baseline + 1e-4;
  increase.log = 1e-4;
  increase.se_baseline = increase.se_candidate = 1e-6;
  increase.se = std::sqrt(2) * 1e-6;
  increase.degrees_of_freedom = 1e9;
  comparison.values = {{.level = Level::kNetwork, .increase = increase}};
  EXPECT_THAT(ComparisonText(comparison, 0),
              AllOf(HasSubstr("7.123457 ms  7.124169 ms  0.000712 ms ± 0.000020 ms"),
                    HasSubstr("+0.01000 %  +0.00972 % to +0.01028 %")));
  // Runs that say the same to the last digit.
  comparison.values[0].increase->se = comparison.values[0].increase->se_baseline =
      comparison.values[0].increase->se_candidate = 0;
  EXPECT_THAT(ComparisonText(comparison, 0), HasSubstr("7.123 ms   7.124 ms  0.0007124 ms ± 0 ms"));
}

TEST(GateText, NamesAreNoCommandsToARunner) {
  EXPECT_EQ(WithoutWorkflowCommands("::stop-commands::x\n  ##[error]y\nconv1 2.0\n"),
            ": :stop-commands: :x\n  ## [error]y\nconv1 2.0\n");
}

}  // namespace
}  // namespace synergy
