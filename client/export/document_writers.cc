#include "client/export/document_writers.h"

#include <fmt/format.h>

#include <iterator>

#include "client/analysis/report_csv.h"
#include "client/analysis/report_json.h"

namespace synergy {
namespace {

template <typename Cells, typename CellText>
std::string Joined(const Cells& cells, std::string_view between, const CellText& text) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += between;
    line += text(cells[i]);
  }
  return line;
}

std::string MarkdownCell(const ResultCell& cell) {
  if (!cell.text.empty()) return MarkdownText(cell.text);
  if (cell.number.empty()) return "-";
  return cell.half_width.empty() ? cell.number
                                 : fmt::format("{} ± {}", cell.number, cell.half_width);
}

std::string MarkdownTable(const ResultTable& table) {
  std::string text = fmt::format("\n{}:\n\n", MarkdownText(table.caption));
  text +=
      "| " +
      Joined(table.columns, " | ", [](const auto& column) { return MarkdownText(column.title); }) +
      " |\n|";
  for (const ResultTable::Column& column : table.columns) text += column.is_text ? "---|" : "---:|";
  text += "\n";
  for (const auto& row : table.rows) text += "| " + Joined(row, " | ", MarkdownCell) + " |\n";
  return text;
}

std::string LatexCell(const ResultCell& cell) {
  if (!cell.text.empty()) return LatexText(cell.text);
  if (cell.number.empty()) return "--";
  return cell.half_width.empty() ? fmt::format("${}$", cell.number)
                                 : fmt::format("${} \\pm {}$", cell.number, cell.half_width);
}

std::string LatexTable(const RunResults& results, const ResultTable& table) {
  std::string text = fmt::format(
      "\n\\begin{{table}}\n  \\caption{{{}{}: {}.}}\n  \\centering\n  \\begin{{tabular}}{{",
      results.notice.empty() ? "" : "SIMULATED. ", LatexText(results.title),
      LatexText(table.caption));
  for (const ResultTable::Column& column : table.columns) text += column.is_text ? 'l' : 'r';
  text += "}\n    \\toprule\n    ";
  text += Joined(table.columns, " & ", [](const auto& column) { return LatexText(column.title); });
  text += " \\\\\n    \\midrule\n";
  for (const auto& row : table.rows) text += "    " + Joined(row, " & ", LatexCell) + " \\\\\n";
  return text + "    \\bottomrule\n  \\end{tabular}\n\\end{table}\n";
}

}  // namespace

std::string JsonDocument(const ExportedRun& run) {
  return JsonText(RunDocument(run.number, run.report));
}

std::string CsvDocument(const ExportedRun& run) { return ReportCsv(run.report); }

std::string MarkdownText(std::string_view text) {
  const std::string plain = TableText(text);
  std::string escaped;
  for (size_t i = 0; i < plain.size(); ++i) {
    const std::string_view rest = std::string_view(plain).substr(i);
    const bool issue = rest[0] == '#' && rest.size() > 1 && rest[1] >= '0' && rest[1] <= '9';
    // A backslash keeps GitHub from neither mentions nor links.
    if (rest[0] == '@' || issue || rest.starts_with("://")) {
      escaped += fmt::format("&#{};", static_cast<int>(rest[0]));
    } else if (rest.starts_with("www.")) {
      escaped += "www&#46;";
      i += 3;
    } else if (rest[0] == '&' || rest[0] == '<' || rest[0] == '>') {
      escaped += rest[0] == '&' ? "&amp;" : rest[0] == '<' ? "&lt;" : "&gt;";
    } else {
      if (std::string_view("\\|`*_~[]!$#").find(rest[0]) != std::string_view::npos) escaped += '\\';
      escaped += rest[0];
    }
  }
  return escaped;
}

std::string LatexText(std::string_view text) {
  std::string escaped;
  for (const char c : TableText(text)) {
    switch (c) {
      case '\\':
        escaped += "\\textbackslash{}";
        break;
      case '~':
        escaped += "\\textasciitilde{}";
        break;
      case '^':
        escaped += "\\textasciicircum{}";
        break;
      case '<':
        escaped += "\\textless{}";
        break;
      case '>':
        escaped += "\\textgreater{}";
        break;
      case '|':
        escaped += "\\textbar{}";
        break;
      case '"':
        escaped += "\\textquotedbl{}";
        break;
      case '{':
      case '}':
      case '$':
      case '&':
      case '#':
      case '%':
      case '_':
        escaped += '\\';
        [[fallthrough]];
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string MarkdownDocument(const ExportedRun& run) {
  const RunResults results = ResultsOf(run.report);
  std::string text = fmt::format("### {}\n\n", MarkdownText(results.title));
  if (!results.notice.empty()) text += fmt::format("**{}**\n\n", results.notice);
  for (const auto& [name, value] : results.facts) {
    text += fmt::format("* {}: {}\n", name, MarkdownText(value));
  }
  for (const ResultTable& table : results.tables) text += MarkdownTable(table);
  return text;
}

std::string LatexDocument(const ExportedRun& run) {
  const RunResults results = ResultsOf(run.report);
  std::string text = "% \\usepackage[T1]{fontenc}, \\usepackage{booktabs}\n";
  text += fmt::format("% {}\n", TableText(results.title));
  if (!results.notice.empty()) text += fmt::format("% {}\n", results.notice);
  for (const auto& [name, value] : results.facts) {
    text += fmt::format("% {}: {}\n", name, TableText(value));
  }
  for (const ResultTable& table : results.tables) text += LatexTable(results, table);
  return text;
}

}  // namespace synergy
