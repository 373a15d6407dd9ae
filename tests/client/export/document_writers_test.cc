#include "client/export/document_writers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "common/display_width.h"
#include "tests/client/export/exported.h"
#include "tests/client/sample_run.h"

namespace synergy {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(MarkdownDocument, NamesMakeNoMarkupLinksOrMentions) {
  EXPECT_EQ(MarkdownText("conv1_1|x"), "conv1\\_1\\|x");
  EXPECT_EQ(MarkdownText("<b>&"), "&lt;b&gt;&amp;");
  EXPECT_EQ(MarkdownText("@ann #12 #"), "&#64;ann &#35;12 \\#");
  EXPECT_EQ(MarkdownText("https://a www.b"), "https&#58;//a www&#46;b");
  EXPECT_EQ(MarkdownText("a\nb\r`c`"), "a b?\\`c\\`");
  EXPECT_EQ(MarkdownText("![x](y)"), "\\!\\[x\\](y)");
}

TEST(LatexDocument, NamesAreNoCommands) {
  EXPECT_EQ(LatexText("a_b&c%d#e$f{g}"), "a\\_b\\&c\\%d\\#e\\$f\\{g\\}");
  EXPECT_EQ(LatexText("\\input{x}"), "\\textbackslash{}input\\{x\\}");
  EXPECT_EQ(LatexText("~^<>|\"\n"),
            "\\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}\\textbar{}"
            "\\textquotedbl{} ");
}

TEST(LatexDocument, WhatFontsHaveNotIsNamedAndNoTwoSignsBecomeOne) {
  EXPECT_EQ(LatexText("\u00e4\u65e5\u05d0"), "\u00e4{[}U+65E5]{[}U+05D0]");
  EXPECT_EQ(LatexText("a\u200bb\u0301"), "a?b{[}U+0301]");
  EXPECT_EQ(LatexText("--- ,, ''`"), "-{}-{}- ,{}, '{}'\\textasciigrave{}");
  EXPECT_EQ(LatexText("5 \u00b5s \u00b1 1\u2026"), "5 $\\mu$s $\\pm$ 1\\ldots{}");
  EXPECT_EQ(LatexText("[2pt]*"), "{[}2pt]{*}") << "behind a row's end it would be its argument";
}

TEST(TableText, IsOneLineAndTurnsNoText) {
  EXPECT_EQ(TableText("a\xE2\x80\xAE"
                      "b\xE2\x81\xA6"
                      "c\n"),
            "a?b?c ");
  const std::string reason = std::string(200, 'x') + " 12.345 ms";
  EXPECT_EQ(TableText(reason), reason);
}

TEST(TableName, IsShort) {
  const std::string shortened = TableName("begin" + std::string(10'000, 'x') + "end");
  EXPECT_EQ(ColumnsOf(shortened), 80u);
  EXPECT_TRUE(shortened.starts_with("beginx") && shortened.ends_with("xend")) << shortened;
}

TEST(Documents, ReasonsAreWholeAndOnlyNamesAreShort) {
  RunReport report = ReportOf(SampleChunks());
  const std::string reason =
      "clocks_moved: " + std::string(200, 'x') + " moved 12.345 times; check";
  report.reasons = {reason};
  report.ops[0].info.set_name("begin" + std::string(300, 'x') + "end");
  const ExportedRun run{3, report};
  for (const std::string& text : {MarkdownDocument(run), LatexDocument(run)}) {
    EXPECT_THAT(text, AnyOf(HasSubstr(reason), HasSubstr(MarkdownText(reason))));
    EXPECT_THAT(text, Not(HasSubstr(std::string(300, 'x'))));
    EXPECT_THAT(text, HasSubstr("xend"));
  }
}

TEST(MarkdownDocument, HasATablePerQuestionWithUnitsAndIntervals) {
  const std::string text = Exported(SampleChunks(), "markdown");
  EXPECT_TRUE(text.starts_with("### tiny on Jetson TX1 (simulated)\n\n**SIMULATED: ")) << text;
  EXPECT_THAT(text,
              HasSubstr("| \\# | operator | type | time (ms) | VDD\\_IN (mJ) | "
                        "VDD\\_CPU (mJ) | MMACs | GFLOP/s | share of VDD\\_IN (%) |\n"
                        "|---:|---|---|---:|---:|---:|---:|---:|---:|\n| 0 | conv1 | Conv |"));
  EXPECT_THAT(text, HasSubstr("| rail | energy (mJ) |"));
  EXPECT_THAT(text, HasSubstr("* verdict: VALID\n"));
}

TEST(MarkdownDocument, EveryRowHasAsManyCellsAsItsHeader) {
  v1::RunRecord operators = SampleOperators();
  operators.mutable_operators()->mutable_operators(0)->set_name("|a||b\\|\n| c |");
  const std::string text = Exported(SampleChunks(v1::JOB_STATE_DONE, operators), "markdown");
  size_t cells = 0;
  for (std::string line : LinesOf(text)) {
    line = std::regex_replace(line, std::regex(R"(\\.)"), "");
    const auto bars = static_cast<size_t>(std::count(line.begin(), line.end(), '|'));
    if (!line.starts_with('|')) {
      EXPECT_EQ(bars, 0u) << line;
      cells = 0;
      continue;
    }
    if (cells == 0) cells = bars;
    EXPECT_EQ(bars, cells) << line;
  }
}

TEST(LatexDocument, HasBooktabsTables) {
  const std::string text = Exported(SampleChunks(), "latex");
  EXPECT_TRUE(
      text.starts_with("% \\usepackage[T1]{fontenc}, \\usepackage{booktabs}, "
                       "\\usepackage{longtable}\n"));
  EXPECT_THAT(text, HasSubstr("% SIMULATED: "));
  EXPECT_THAT(text, HasSubstr("\\begin{table}\n  \\caption{SIMULATED. tiny on Jetson TX1 "
                              "(simulated): One inference, by rail.}"));
  EXPECT_THAT(text, HasSubstr("    \\bottomrule\n  \\end{tabular}\n\\end{table}\n"));
}

TEST(LatexDocument, OperatorsGoOverPagesEachOfWhichHasTheHead) {
  const std::string text = Exported(SampleChunks(), "latex");
  const std::string head =
      "    \\toprule\n"
      "    \\# & operator & type & time & VDD\\_IN & VDD\\_CPU & MMACs & GFLOP/s & share of "
      "VDD\\_IN "
      "\\\\\n     &  &  & (ms) & (mJ) & (mJ) &  &  & (\\%) \\\\\n    \\midrule\n";
  EXPECT_THAT(text, HasSubstr("\\begingroup\n\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n"
                              "\\begin{longtable}{rllrrrrrr}\n  \\caption{SIMULATED. tiny on "
                              "Jetson TX1 (simulated): Operators, one execution each.} \\\\\n" +
                              head + "    \\endfirsthead\n" + head +
                              "    \\endhead\n    \\bottomrule\n    \\endfoot\n"
                              "    $0$ & conv1 & Conv & $10.000$ & "));
  EXPECT_THAT(text, HasSubstr("\\end{longtable}\n\\endgroup\n"));
}

// What stands in a row, without what only typesets it: \footnotesize has 4.25 pt for a digit.
double WidthPt(std::string row) {
  row = std::regex_replace(row, std::regex(R"(\$|\\\\)"), "");
  row = std::regex_replace(row, std::regex(R"(\\(pm|ldots\{\}))"), "+");
  return 4.25 * static_cast<double>(row.size());
}

TEST(LatexDocument, EveryTableFitsAPageInLandscape) {
  RunReport report = ReportOf(SampleChunks());
  report.attribution.rails = {"VDD_GPU_SOC_AND_WHAT_ELSE", "VDD_CPU_CV_AND_WHAT_ELSE"};
  for (int i = 0; i < 2; ++i) {
    v1::RailInfo* rail = report.header.mutable_board()->mutable_rails(i);
    rail->set_name(report.rails()[static_cast<size_t>(i)]);
  }
  report.ops[0].info.set_name("inception_3a/" + std::string(60, 'x'));
  report.ops[0].info.set_type("SpatialBatchNormalizationGradient");
  const std::string text = LatexDocument({3, report});
  EXPECT_THAT(text, HasSubstr("Operators, one execution each (1 of 3).}"));
  EXPECT_THAT(text, HasSubstr("& operator & VDD\\_GPU\\_SOC\\_AND\\_WHAT\\_ELSE & VDD"));
  EXPECT_THAT(text, HasSubstr("& operator & MMACs & GFLOP/s & share of VDD"));
  size_t rows = 0;
  for (const std::string& line : LinesOf(text)) {
    if (!line.starts_with("    $0$ & inception\\_3a/")) continue;
    EXPECT_LT(WidthPt(line), 590) << line;
    ++rows;
  }
  EXPECT_EQ(rows, 3u);
  EXPECT_THAT(Exported(SampleChunks(), "latex"), Not(HasSubstr("(1 of ")));
}

TEST(LatexDocument, BracesAreBalancedAndLinesAreWholeWhateverTheNames) {
  v1::RunRecord operators = SampleOperators();
  operators.mutable_operators()->mutable_operators(0)->set_name("}}\\end{table} % & \\\\ \n$");
  operators.mutable_operators()->mutable_operators(1)->set_type("{{{");
  std::string text = Exported(SampleChunks(v1::JOB_STATE_DONE, operators), "latex");
  EXPECT_THAT(text, Not(HasSubstr("}}\\end{table}")));
  text = std::regex_replace(text, std::regex(R"(\\[{}])"), "");
  EXPECT_EQ(std::count(text.begin(), text.end(), '{'), std::count(text.begin(), text.end(), '}'));
}

}  // namespace
}  // namespace synergy
