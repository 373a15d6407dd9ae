#include "client/report/run_text.h"

#include <sstream>

#include "client/report/text_table.h"
#include "common/display_width.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

using testing::HasSubstr;
using testing::Not;

RunReport SampleReport(v1::JobState state = v1::JOB_STATE_DONE) {
  RunData data;
  for (const v1::Chunk& chunk : SampleChunks(state)) EXPECT_TRUE(data.Add(chunk).ok());
  auto report = BuildReport(data, Solve(data));
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

TEST(TextTable, AlignsWordsLeftAndNumbersRight) {
  TextTable table({{"name", TextTable::Align::kLeft}, {"mJ"}});
  table.AddRow({"a", "1.5"});
  table.AddRow({"longer", "100.0"});
  table.AddRow({"none"});
  EXPECT_EQ(table.Text(),
            "name       mJ\n"
            "------  -----\n"
            "a         1.5\n"
            "longer  100.0\n"
            "none\n");
}

TEST(TextTable, CountsCharactersNotBytes) {
  TextTable table({{"n", TextTable::Align::kLeft}, {"x"}});
  table.AddRow({"\xC3\xBC", "1"});
  table.AddRow({"u", "2"});
  EXPECT_EQ(table.Text(), "n  x\n-  -\n\xC3\xBC  1\nu  2\n");
}

TEST(TextTable, AColumnIsAsWideAsItsWidestCell) {
  const std::string name = "inception_4a/" + std::string(120, 'x') + "/relu_5x5_reduce";
  TextTable table({{"#"}, {"operator", TextTable::Align::kLeft}, {"MMACs"}, {"share %"}});
  table.AddRow({"7", name, "123456789012345.67", "100.0"});
  table.AddRow({"1234567", "fc", "1.00", "0.0"});
  const std::string fill(name.size() - 2, ' ');
  EXPECT_EQ(table.Text(), "      #  operator" + std::string(name.size() - 8, ' ') +
                              "               MMACs  share %\n" + "-------  " +
                              std::string(name.size(), '-') + "  ------------------  -------\n" +
                              "      7  " + name + "  123456789012345.67    100.0\n" +
                              "1234567  fc" + fill + "                1.00      0.0\n");
}

TEST(TextTable, ComesInPartsWhereTheTerminalIsNarrow) {
  TextTable table({{"#"}, {"name", TextTable::Align::kLeft}, {"mJ"}, {"W"}, {"share %"}});
  table.AddRow({"0", "conv", "1.5", "2", "100.0"});
  EXPECT_EQ(table.Text(18, 2),
            "#  name   mJ  W\n"
            "-  ----  ---  -\n"
            "0  conv  1.5  2\n"
            "\n"
            "#  name  share %\n"
            "-  ----  -------\n"
            "0  conv    100.0\n");
  EXPECT_EQ(table.Text(200, 2), table.Text());
  TextTable joined({{"n"}, {"mJ"}, {"W"}, {"± %", TextTable::Align::kRight, true}});
  joined.AddRow({"0", "1.5", "2", "0.1"});
  EXPECT_EQ(joined.Text(13),
            "n   mJ\n-  ---\n0  1.5\n\n"
            "n  W  ± %\n-  -  ---\n0  2  0.1\n");
  EXPECT_NE(table.Text(1, 2), "") << "one column at a time";
}

TEST(TextTable, NamesAreShortenedInTheirMiddleWhereTheTableFitsThenAndNumbersNever) {
  TextTable table({{"#"}, {"name", TextTable::Align::kLeft}, {"mJ"}});
  table.AddRow({"1", "inception_4a/3x3_reduce/relu", "1234567.89"});
  EXPECT_EQ(table.Text(36),
            "#  name                           mJ\n"
            "-  ---------------------  ----------\n"
            "1  inception_\u2026educe/relu  1234567.89\n");
  EXPECT_EQ(table.Text(43), table.Text());
  // Too narrow even so: in parts, with names as long as there is room for.
  EXPECT_NE(table.Text(28).find("\n1  inception_4a\u2026_reduce/relu\n"), std::string::npos);
}

TEST(TextTable, EscapeSequencesInNamesDoNotReachTheTerminal) {
  TextTable table({{"n", TextTable::Align::kLeft}});
  table.AddRow({"\x1b[2Jgone"});
  EXPECT_THAT(table.Text(), Not(HasSubstr("\x1b")));
}

TEST(RunText, SaysOfEachChannelHowManyReadingsAreNew) {
  RunReport report = SampleReport();
  v1::SourceStats& source = report.sampling.sources.front();
  v1::ChannelStats& exact = *source.add_channels();
  exact.set_rail("VDD_IN");
  exact.set_quantity(v1::ChannelInfo::QUANTITY_CURRENT);
  exact.set_achieved_hz(999.5);
  exact.set_fresh_hz(151.5);
  exact.set_independent_hz(1.19);
  v1::ChannelStats& bound = *source.add_channels();
  bound.set_rail("VDD_CPU");
  bound.set_quantity(v1::ChannelInfo::QUANTITY_POWER);
  bound.set_achieved_hz(999.5);
  bound.set_fresh_hz(12);
  bound.set_fresh_is_bound(true);
  v1::ChannelStats& voltage = *source.add_channels();
  voltage.set_rail("VDD_IN");
  voltage.set_quantity(v1::ChannelInfo::QUANTITY_VOLTAGE);
  const std::string text = RunText(report, {.number = 3, .extra_columns = {}});
  EXPECT_THAT(text,
              HasSubstr("           VDD_IN current: 999.5 Hz read, 151.5 Hz fresh, 1.19 Hz of "
                        "it independent\n"
                        "           VDD_CPU power: 999.5 Hz read, at least 12.0 Hz fresh\n"
                        "  method"));
}

RunReport WithWindows(double in_period_s) {
  RunReport report = SampleReport();
  for (v1::ChannelInfo& channel : *report.header.mutable_channels()) {
    channel.mutable_window()->set_period_s(channel.rail() == "VDD_IN" ? in_period_s : 1e-3);
  }
  return report;
}

// Its operators take 10 and 5 ms, and it was sampled at 1000 Hz.
TEST(RunText, SaysAtTheVerdictHowManyOperatorsAreTooShort) {
  EXPECT_THAT(RunText(WithWindows(7e-3), {.extra_columns = {}}),
              HasSubstr("  verdict  VALID\n"
                        "  resolves VDD_IN: operators of 8 ms and more; 1 of 2 is shorter: the "
                        "joules of those are mixed with what ran beside them\n"
                        "           VDD_CPU: operators of 2 ms and more: all 2 of them\n"));
}

TEST(RunText, ACoreThatWentOffAndAClockThatIsNotKnownAreSaid) {
  RunReport report = SampleReport();
  report.conditions.clocks = {
      {.clock = "policy0", .unread = true},
      {.clock = "memory", .lowest_hz = 408000000, .highest_hz = 1600000000, .unread = true}};
  report.conditions.throttles = {{.what = "cpu2 off", .begin = 1, .end = 1, .highest = 1},
                                 {.what = "cpu3 off", .begin = 0, .end = 0, .highest = 1}};
  const std::string text = RunText(report, {.extra_columns = {}});
  EXPECT_THAT(text, HasSubstr("  ran at   policy0 unknown, memory 408MHz to 1600MHz (for a while "
                              "unknown)\n  cores    cpu3 off for a while\n"));
  EXPECT_THAT(text, Not(HasSubstr("THROTTLED")));
}

TEST(RunText, ShowsWhatWasMeasuredAndHow) {
  EXPECT_EQ(
      RunText(SampleReport(), {.number = 3, .extra_columns = {}}),
      "run 3 (run-0123456789abcdef): tiny on Jetson TX1 (simulated)\n"
      "  SIMULATED: the powers come from a model of the board, not from a sensor.\n"
      "  started  2024-05-01T12:00:00.250Z\n"
      "  job      batch 1, 1 thread, 2 of 2 iterations after 1 of warm-up, seed 7\n"
      "  engine   caffe2-eigen: Caffe2 of a test\n"
      "  rails    VDD_IN (module), VDD_CPU (component, part of VDD_IN)\n"
      "  sampling 1000.0 Hz asked for, 999.5 Hz achieved, at least 998.0 Hz fresh; 1 of 90 "
      "ticks missed, 0 reads failed, 0 gaps\n"
      "  method   integrate\n"
      "  verdict  VALID\n"
      "  resolves VDD_IN, VDD_CPU: which time its readings are of is not known, nor which "
      "operators "
      "they resolve\n"
      "\n"
      "#  operator  type  time ms   ± ms  VDD_IN mJ  VDD_CPU mJ  VDD_IN W  MMACs  GFLOP/s  "
      "share %\n"
      "-  --------  ----  -------  -----  ---------  ----------  --------  -----  -------  "
      "-------\n"
      "0  conv1     Conv   10.000  0.000     50.000      20.000      5.00   1.00     0.20     "
      "66.7\n"
      "1  relu1     Relu    5.000  0.000     25.000      10.000      5.00      -        -     "
      "33.3\n"
      "\n"
      "type  operators  time ms  VDD_IN mJ  VDD_CPU mJ  MMACs  share %\n"
      "----  ---------  -------  ---------  ----------  -----  -------\n"
      "Conv          1   10.000     50.000      20.000   1.00     66.7\n"
      "Relu          1    5.000     25.000      10.000      -     33.3\n"
      "\n"
      "total      time s  VDD_IN J  VDD_CPU J  VDD_IN W\n"
      "---------  ------  --------  ---------  --------\n"
      "setup       0.030     0.150      0.060      5.00\n"
      "warm-up     0.015     0.075      0.030      5.00\n"
      "inference   0.030     0.150      0.060      5.00\n"
      "idle        0.011     0.055      0.022      5.00\n"
      "whole       0.086     0.430      0.172      5.00\n"
      "\n"
      "one inference: 16.000 ms ± 0.000; energies are its operators'\n"
      "rail         mJ  inferences/J  GFLOP/s per W  mJ x s\n"
      "-------  ------  ------------  -------------  ------\n"
      "VDD_IN   75.000        13.333              -  1.2000\n"
      "VDD_CPU  30.000        33.333              -  0.4800\n"
      "\n"
      "SIMULATED: the powers come from a model of the board, not from a sensor.\n");
}

TEST(RunText, AShortOperatorsIntervalIsNotZero) {
  RunReport report = SampleReport();
  MeanWithInterval& time = report.ops[1].result.time_s;
  time.mean = 2.345678e-6;
  time.ci95 = {.low = time.mean - 0.21e-6, .high = time.mean + 0.21e-6};
  EXPECT_THAT(RunText(report, {.number = 3, .extra_columns = {}}),
              HasSubstr("1  relu1     Relu  0.00235  0.00021 "));
}

TEST(RunText, SaysForHowLongOperatorsOverlapped) {
  RunReport report = SampleReport();
  const std::string without = RunText(report, {.number = 3, .extra_columns = {}});
  EXPECT_THAT(without, Not(HasSubstr("overlapped")));
  report.attribution.overlapped_s = report.attribution.inference.time_s / 4;
  const std::string with = RunText(report, {.number = 3, .extra_columns = {}});
  EXPECT_THAT(with, HasSubstr("operators overlapped for 25.0 % of the time in which any ran"));
  report.attribution.overlapped_s = 1e-9;
  EXPECT_EQ(RunText(report, {.number = 3, .extra_columns = {}}), without);
}

// The column titles' ends and the numbers' ends stand under each other in every line of the table.
TEST(RunText, LongOperatorNamesAndWideNumbersKeepTheColumns) {
  RunReport report = SampleReport();
  report.ops[0].info.set_name("mixed_5b/" + std::string(90, 'n'));
  report.ops[0].info.set_macs(987'654'321'012'345'678);
  report.ops[1].info.set_type("A" + std::string(60, 't'));
  const std::string text = RunText(report, {});
  const size_t begin = text.find("#  operator");
  ASSERT_NE(begin, std::string::npos);
  std::istringstream table(text.substr(begin, text.find("\n\n", begin) - begin));
  std::vector<std::string> lines;
  for (std::string line; std::getline(table, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 4u) << text;
  for (const std::string& line : lines) EXPECT_EQ(ColumnsOf(line), ColumnsOf(lines[0])) << text;
  EXPECT_THAT(text, HasSubstr("987654321012.35"));
  const size_t macs = ColumnsOf(lines[0].substr(0, lines[0].find("MMACs") + 5));
  EXPECT_EQ(lines[2].find("987654321012.35") + 15, macs) << text;
  EXPECT_EQ(lines[3][macs - 1], '-') << text;
}

TEST(RunText, ARealBoardIsNotCalledSimulated) {
  RunReport report = SampleReport();
  report.header.mutable_board()->set_simulated(false);
  report.header.mutable_board()->set_title("Jetson TX1");
  EXPECT_THAT(RunText(report, {}), Not(HasSubstr("SIMULATED")));
}

TEST(RunText, APartialRunSaysSoAndWhy) {
  EXPECT_THAT(RunText(SampleReport(v1::JOB_STATE_FAILED), {}),
              HasSubstr("PARTIAL: the job is FAILED: the worker died of SIGSEGV in conv1"));
}

TEST(RunText, ExtraColumnsStandAtTheEndOfTheirOperator) {
  RunTextOptions options;
  options.extra_columns = {{"truth mJ", {{1, "24.000"}}}};
  const std::string text = RunText(SampleReport(), options);
  EXPECT_THAT(text, HasSubstr("share %  truth mJ\n"));
  EXPECT_THAT(text, HasSubstr("33.3    24.000\n"));
  EXPECT_THAT(text, HasSubstr("66.7         -\n"));
}

TEST(RunText, ColoursOnlyWhereTheyAreWanted) {
  EXPECT_THAT(RunText(SampleReport(), {}), Not(HasSubstr("\x1b")));
  RunTextOptions options;
  options.color = true;
  EXPECT_THAT(RunText(SampleReport(), options), HasSubstr("\x1b[32mVALID\x1b[0m"));
}

}  // namespace
}  // namespace synergy
