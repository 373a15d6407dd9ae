#include "client/report/gate_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "client/report/comparison_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

std::string NameOf(const GateRow& row) {
  return row.level == Level::kNetwork ? "network" : Printable(row.name);
}

std::string BoundText(double log) { return std::isfinite(log) ? PercentText(log) : "?"; }

std::string IntervalText(const GateRow& row) {
  return fmt::format("{} to {}", BoundText(row.log_low), BoundText(row.log_high));
}

// "SIMULATED energy on VDD_IN at most +2.00 %".
std::string RuleText(const GateResult& result) {
  return fmt::format("{}{}{}{} at most {}", result.simulated.empty() ? "" : "SIMULATED ",
                     MetricName(result.metric), result.rail.empty() ? "" : " on ",
                     Printable(result.rail), PercentText(std::log1p(result.rule.max_increase)));
}

std::string DetectableText(const GateRow& row) {
  return std::isfinite(row.log_detectable)
             ? fmt::format("{:.2f} %", 100 * RatioLess1(row.log_detectable))
             : "?";
}

std::string RowSentence(const GateRow& row) {
  return fmt::format("{}: {}, interval {}", NameOf(row), PercentText(row.log), IntervalText(row));
}

// Lines that say what the numbers rest on.
std::vector<std::string> Remarks(const GateResult& result) {
  std::vector<std::string> lines = result.against;
  if (!result.rows.empty()) {
    lines.push_back(fmt::format(
        "intervals of {:g} % ({:g} % to either side){}; {}", 100 * (1 - 2 * result.rule.alpha),
        100 * result.rule.alpha,
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
  if (!result.simulated.empty()) lines.push_back(result.simulated);
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

std::string Cell(std::string_view text) {
  return Replaced(text, [](char c) -> std::string_view { return c == '|' ? "\\|" : ""; });
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

std::string GateText(const GateResult& result, size_t width) {
  TextTable table({{"", TextTable::Align::kLeft},
                   {"decision", TextTable::Align::kLeft},
                   {"baseline"},
                   {"candidate"},
                   {"increase"},
                   {"interval", TextTable::Align::kLeft},
                   {"detectable"}});
  for (const GateRow& row : result.rows) {
    table.AddRow({NameOf(row), std::string(DecisionName(row.decision)),
                  MetricText(result.metric, std::exp(row.log_baseline)),
                  MetricText(result.metric, std::exp(row.log_candidate)), PercentText(row.log),
                  IntervalText(row), DetectableText(row)});
  }
  std::string text = fmt::format("{}: {}\n\n{}", DecisionName(result.decision), RuleText(result),
                                 result.rows.empty() ? "" : table.Text(width));
  for (const std::string& line : Remarks(result)) text += Printable(line) + "\n";
  return text;
}

std::string GateLine(const GateResult& result) {
  if (result.rows.empty()) return std::string(DecisionName(result.decision));
  return fmt::format("{}: {}", RowSentence(result.rows.front()), DecisionName(result.decision));
}

std::string GateMarkdown(const GateResult& result) {
  std::string text = fmt::format(
      "### {}: {}\n\n| | decision | baseline | candidate | increase | interval | detectable |\n"
      "|---|---|---:|---:|---:|---|---:|\n",
      DecisionName(result.decision), RuleText(result));
  for (const GateRow& row : result.rows) {
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", Cell(NameOf(row)),
                        DecisionName(row.decision),
                        MetricText(result.metric, std::exp(row.log_baseline)),
                        MetricText(result.metric, std::exp(row.log_candidate)),
                        PercentText(row.log), IntervalText(row), DetectableText(row));
  }
  text += "\n";
  for (const std::string& line : Remarks(result)) text += fmt::format("- {}\n", Printable(line));
  return text;
}

std::string GateJunit(const GateResult& result) {
  size_t failures = 0, errors = 0;
  std::string cases;
  const auto add = [&](const std::string& name, GateDecision decision, const std::string& said) {
    cases += fmt::format("  <testcase classname=\"synergy.gate\" name=\"{}\"", Xml(name));
    if (decision == GateDecision::kPass) {
      cases += "/>\n";
      return;
    }
    const bool failed = decision == GateDecision::kFail;
    ++(failed ? failures : errors);
    cases += fmt::format("><{0} message=\"{1}\"/></testcase>\n", failed ? "failure" : "error",
                         Xml(fmt::format("{}: {}", DecisionName(decision), said)));
  };
  for (const GateRow& row : result.rows) add(NameOf(row), row.decision, RowSentence(row));
  for (const std::string& line : result.against) {
    add("runs", GateDecision::kInconclusive, Printable(line));
  }
  std::string remarks;
  for (const std::string& line : Remarks(result)) remarks += Xml(Printable(line)) + "\n";
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{}\" tests=\"{}\" "
      "failures=\"{}\" errors=\"{}\">\n{}  <system-out>{}</system-out>\n</testsuite>\n",
      Xml(RuleText(result)), result.rows.size() + result.against.size(), failures, errors, cases,
      remarks);
}

std::string GateAnnotations(const GateResult& result) {
  std::string text;
  const auto add = [&](std::string_view kind, const std::string& said) {
    text +=
        fmt::format("::{} title=synergyctl gate {}{}::{}\n", kind, DecisionName(result.decision),
                    result.simulated.empty() ? "" : " (SIMULATED)", Message(said));
  };
  for (const GateRow& row : result.rows) {
    if (row.decision == GateDecision::kFail) add("error", RowSentence(row));
    if (row.decision == GateDecision::kInconclusive) add("warning", RowSentence(row));
  }
  for (const std::string& line : result.against) add("warning", Printable(line));
  if (text.empty()) add("notice", RuleText(result) + "; " + RowSentence(result.rows.front()));
  return text;
}

}  // namespace synergy
