#include "client/report/gate_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_replace.h"
#include "client/report/comparison_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

std::string InPoint(const GateResult& result, const std::string& text) {
  return result.point.empty() ? text : Printable(result.point) + ": " + text;
}

// "network", "conv1"; of a point of several "squeezenet threads=4", "squeezenet threads=4: conv1".
std::string NameOf(const GateResult& result, const GateRow& row) {
  if (row.level != Level::kNetwork) return InPoint(result, Printable(row.name));
  return result.point.empty() ? "network" : Printable(result.point);
}

std::string BoundText(double log) { return std::isfinite(log) ? PercentText(log) : "?"; }

std::string IntervalText(const GateRow& row) {
  return fmt::format("{} to {}", BoundText(row.log_low), BoundText(row.log_high));
}

// "SIMULATED energy on VDD_IN at most +2.00 %, 3 points".
std::string RuleText(const std::vector<GateResult>& points) {
  const GateResult& first = points.front();
  return fmt::format("{}{}{}{} at most {}{}", first.simulated.empty() ? "" : "SIMULATED ",
                     MetricName(first.metric), first.rail.empty() ? "" : " on ",
                     Printable(first.rail), PercentText(std::log1p(first.rule.max_increase)),
                     points.size() == 1 ? "" : fmt::format(", {} points", points.size()));
}

// "2 PASS, 1 FAIL".
std::string CountText(const std::vector<GateResult>& points) {
  std::vector<std::string> counts;
  for (const GateDecision decision :
       {GateDecision::kPass, GateDecision::kFail, GateDecision::kInconclusive}) {
    const auto count = std::ranges::count_if(points, [decision](const GateResult& point) {
      return point.measured && point.decision == decision;
    });
    if (count > 0) counts.push_back(fmt::format("{} {}", count, DecisionName(decision)));
  }
  const auto left = std::ranges::count(points, false, &GateResult::measured);
  if (left > 0) counts.push_back(fmt::format("{} not measured", left));
  return fmt::format("{}", fmt::join(counts, ", "));
}

std::string DetectableText(const GateRow& row) {
  if (!std::isfinite(row.log_detectable)) return "?";
  const double percent = 100 * RatioLess1(row.log_detectable);
  return percent < 1e6 ? fmt::format("{:.2f} %", percent) : "?";
}

std::string RowSentence(const GateResult& result, const GateRow& row) {
  return fmt::format("{}: {}, interval {}", NameOf(result, row), PercentText(row.log),
                     IntervalText(row));
}

// Lines that say what the numbers of a point rest on.
std::vector<std::string> PointRemarks(const GateResult& result) {
  std::vector<std::string> lines = result.against;
  if (!result.rows.empty()) {
    lines.push_back(fmt::format(
        "intervals of {:g} % ({:g} % to either side){}; {}",
        100 * (1 - 2 * result.rule.point_alpha()), 100 * result.rule.point_alpha(),
        result.correction.empty()
            ? ""
            : fmt::format(", corrected for the number of comparisons ({})", result.correction),
        result.spread));
  }
  if (result.unknown > 0) {
    lines.push_back(fmt::format(
        "{} operators are not known alone in each run: they stand in the network's energy alone",
        result.unknown));
  }
  lines.insert(lines.end(), result.notes.begin(), result.notes.end());
  for (std::string& line : lines) line = InPoint(result, line);
  return lines;
}

std::vector<std::string> Remarks(const std::vector<GateResult>& points) {
  std::vector<std::string> lines;
  const GateRule& rule = points.front().rule;
  if (points.size() > 1) {
    lines.push_back(fmt::format("{}; each point is tested at {:g} %, all together at {:g} %",
                                CountText(points), 100 * rule.point_alpha(), 100 * rule.alpha));
  }
  for (const GateResult& point : points) {
    for (std::string& line : PointRemarks(point)) lines.push_back(std::move(line));
  }
  if (!points.front().simulated.empty()) lines.push_back(points.front().simulated);
  return lines;
}

template <typename Replace>
std::string Replaced(std::string_view text, const Replace& replace) {
  std::string out;
  for (const char c : text) {
    const std::string_view with = replace(c);
    if (with.empty()) {
      out += c;
    } else {
      out += with;
    }
  }
  return out;
}

std::string Xml(std::string_view text) {
  return Replaced(text, [](char c) -> std::string_view {
    if (c == '<') return "&lt;";
    if (c == '>') return "&gt;";
    if (c == '&') return "&amp;";
    if (c == '"') return "&quot;";
    return c == '\n' ? "&#10;" : "";
  });
}

// Names that a change chooses make no markup, links or mentions in the request that shows them.
std::string Cell(std::string_view text) {
  return Replaced(text, [](char c) -> std::string_view {
    if (c == '<') return "&lt;";
    if (c == '>') return "&gt;";
    if (c == '&') return "&amp;";
    if (c == '@') return "&#64;";
    if (c == '|') return "\\|";
    if (c == '`') return "\\`";
    if (c == '[') return "\\[";
    return c == '\\' ? "\\\\" : "";
  });
}

// As GitHub's runner reads messages of commands.
std::string Message(std::string_view text) {
  return Replaced(text, [](char c) -> std::string_view {
    if (c == '%') return "%25";
    if (c == '\r') return "%0D";
    return c == '\n' ? "%0A" : "";
  });
}

}  // namespace

std::string GateText(const std::vector<GateResult>& points, size_t width) {
  TextTable table({{"", TextTable::Align::kLeft},
                   {"decision", TextTable::Align::kLeft},
                   {"baseline"},
                   {"candidate"},
                   {"increase"},
                   {"interval", TextTable::Align::kLeft},
                   {"detectable"}});
  bool any = false;
  for (const GateResult& result : points) {
    for (const GateRow& row : result.rows) {
      any = true;
      table.AddRow({NameOf(result, row), std::string(DecisionName(row.decision)),
                    MetricText(result.metric, std::exp(row.log_baseline)),
                    MetricText(result.metric, std::exp(row.log_candidate)), PercentText(row.log),
                    IntervalText(row), DetectableText(row)});
    }
  }
  std::string text = fmt::format("{}: {}\n\n{}", DecisionName(DecisionOf(points)), RuleText(points),
                                 any ? table.Text(width) : "");
  for (const std::string& line : Remarks(points)) text += Printable(line) + "\n";
  return text;
}

std::string GateLine(const GateResult& result) {
  if (result.rows.empty()) return InPoint(result, std::string(DecisionName(result.decision)));
  return fmt::format("{}: {}", RowSentence(result, result.rows.front()),
                     DecisionName(result.decision));
}

std::string GateMarkdown(const std::vector<GateResult>& points) {
  std::string text = fmt::format(
      "### {}: {}\n\n| | decision | baseline | candidate | increase | interval | detectable |\n"
      "|---|---|---:|---:|---:|---|---:|\n",
      DecisionName(DecisionOf(points)), RuleText(points));
  for (const GateResult& result : points) {
    for (const GateRow& row : result.rows) {
      text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", Cell(NameOf(result, row)),
                          DecisionName(row.decision),
                          MetricText(result.metric, std::exp(row.log_baseline)),
                          MetricText(result.metric, std::exp(row.log_candidate)),
                          PercentText(row.log), IntervalText(row), DetectableText(row));
    }
  }
  text += "\n";
  for (const std::string& line : Remarks(points))
    text += fmt::format("- {}\n", Cell(Printable(line)));
  return text;
}

std::string GateJunit(const std::vector<GateResult>& points) {
  size_t tests = 0, failures = 0, errors = 0, skipped = 0;
  std::string cases;
  // `outcome`: an element of JUnit's.
  const auto add_case = [&](const std::string& name, std::string_view outcome, size_t* count,
                            const std::string& said) {
    ++tests;
    ++*count;
    cases += fmt::format(
        "  <testcase classname=\"synergy.gate\" name=\"{0}\"><{1} message=\"{2}\"/></testcase>\n",
        Xml(name), outcome, Xml(said));
  };
  const auto add = [&](const std::string& name, GateDecision decision, const std::string& said) {
    const std::string message = fmt::format("{}: {}", DecisionName(decision), said);
    if (decision == GateDecision::kFail) return add_case(name, "failure", &failures, message);
    if (decision != GateDecision::kPass) return add_case(name, "error", &errors, message);
    ++tests;
    cases += fmt::format("  <testcase classname=\"synergy.gate\" name=\"{}\"/>\n", Xml(name));
  };
  for (const GateResult& result : points) {
    if (!result.measured) {
      add_case(Printable(result.point), "skipped", &skipped, Printable(result.against.front()));
      continue;
    }
    for (const GateRow& row : result.rows) {
      if (row.decision == GateDecision::kWithheld) {
        add_case(NameOf(result, row), "skipped", &skipped,
                 fmt::format("not decided ({}): {}", Printable(result.against.front()),
                             RowSentence(result, row)));
      } else {
        add(NameOf(result, row), row.decision, RowSentence(result, row));
      }
    }
    for (const std::string& line : result.against) {
      add(InPoint(result, "runs"), GateDecision::kInconclusive, Printable(line));
    }
  }
  std::string remarks;
  for (const std::string& line : Remarks(points)) remarks += Xml(Printable(line)) + "\n";
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" "
      "failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n{}  "
      "<system-out>{}</system-out>\n</testsuite>\n",
      Xml(RuleText(points)), tests, failures, errors, skipped, cases, remarks);
}

std::string WithoutWorkflowCommands(const std::string& text) {
  return absl::StrReplaceAll(text, {{"::", ": :"}, {"##[", "## ["}});
}

std::string GateAnnotations(const std::vector<GateResult>& points) {
  const GateDecision decision = DecisionOf(points);
  std::string text;
  const auto add = [&](std::string_view kind, GateDecision of, const std::string& said) {
    text += fmt::format("::{} title=synergyctl gate {}{}::{}\n", kind, DecisionName(of),
                        points.front().simulated.empty() ? "" : " (SIMULATED)", Message(said));
  };
  // GitHub shows ten of a kind.
  constexpr size_t kMostUndecided = 5;
  for (const GateResult& result : points) {
    size_t undecided = 0;
    for (const GateRow& row : result.rows) {
      if (row.decision == GateDecision::kFail) add("error", row.decision, RowSentence(result, row));
      if (row.decision != GateDecision::kInconclusive || ++undecided > kMostUndecided) continue;
      add("warning", row.decision, RowSentence(result, row));
    }
    if (undecided > kMostUndecided) {
      add("warning", GateDecision::kInconclusive,
          InPoint(result, fmt::format("{} more rows", undecided - kMostUndecided)));
    }
    if (!result.measured) continue;  // what failed says it
    for (const std::string& line : result.against) {
      add("warning", GateDecision::kInconclusive, InPoint(result, Printable(line)));
    }
    if (result.decision == GateDecision::kPass) {
      add("notice", result.decision,
          RuleText(points) + "; " + RowSentence(result, result.rows.front()));
    }
  }
  if (points.size() == 1) return text;
  const bool passed = decision == GateDecision::kPass, failed = decision == GateDecision::kFail;
  add(failed ? "error" : (passed ? "notice" : "warning"), decision,
      RuleText(points) + ": " + CountText(points));
  return text;
}

}  // namespace synergy
