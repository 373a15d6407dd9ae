#include "client/export/document_writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

#include "client/analysis/report_csv.h"
#include "client/analysis/report_json.h"
#include "common/display_width.h"
#include "common/printable.h"

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

// Of what is not itself; "": it is.
std::string_view LatexSign(char32_t c) {
  constexpr std::pair<char32_t, std::string_view> kSigns[] = {
      {'\\', "\\textbackslash{}"},
      {'~', "\\textasciitilde{}"},
      {'^', "\\textasciicircum{}"},
      {'<', "\\textless{}"},
      {'>', "\\textgreater{}"},
      {'|', "\\textbar{}"},
      {'"', "\\textquotedbl{}"},
      {'`', "\\textasciigrave{}"},
      {'{', "\\{"},
      {'}', "\\}"},
      {'$', "\\$"},
      {'&', "\\&"},
      {'#', "\\#"},
      {'%', "\\%"},
      {'_', "\\_"},
      {'[', "{[}"},  // behind a row's end these two are its arguments
      {'*', "{*}"},
      {0xB0, "$^{\\circ}$"},
      {0xB1, "$\\pm$"},
      {0xB5, "$\\mu$"},
      {0x3BC, "$\\mu$"},
      {0xD7, "$\\times$"},
      {0xF7, "$\\div$"},
      {0x2026, "\\ldots{}"},
  };
  const auto* const sign = std::ranges::find(kSigns, c, [](const auto& one) { return one.first; });
  return sign == std::end(kSigns) ? "" : sign->second;
}

std::string LatexCell(const ResultCell& cell) {
  if (!cell.text.empty()) return LatexText(cell.text);
  if (cell.number.empty()) return "--";
  return cell.half_width.empty() ? fmt::format("${}$", cell.number)
                                 : fmt::format("${} \\pm {}$", cell.number, cell.half_width);
}

// Two lines: what it is, and below it the unit.
std::string LatexHead(const ResultTable& table) {
  const auto line = [&](bool unit) {
    return "    " +
           Joined(
               table.columns, " & ",
               [&](const auto& column) {
                 const size_t at = column.title.rfind(" (");
                 if (unit && at == std::string::npos) return std::string();
                 return LatexText(unit ? column.title.substr(at + 1) : column.title.substr(0, at));
               }) +
           " \\\\\n";
  };
  return "    \\toprule\n" + line(false) + line(true) + "    \\midrule\n";
}

// Of a sign in \footnotesize: at most so many points, by the widest of each kind.
double LatexWidthPt(char32_t c) {
  constexpr std::string_view kWidest = "MW@", kWide = "mw%&+<>~";
  const bool is_ascii = c < 0x80;
  if (is_ascii ? kWidest.find(static_cast<char>(c)) != kWidest.npos : c == 0xB1) return 8.8;
  if (c == '.' || c == ' ') return 3.4;
  if (c >= '0' && c <= '9') return 4.3;
  if (is_ascii ? kWide.find(static_cast<char>(c)) != kWide.npos : c <= 0xFF || c == 0x2026)
    return 7;
  if (c >= 'A' && c <= 'Z') return 7;
  return is_ascii ? 4.8 : 40;  // "[U+65E5]"
}

double LatexWidthPt(std::string_view text) {
  double width = 0;
  while (!text.empty()) width += LatexWidthPt(TakeCodePoint(&text));
  return width;
}

// What a page of A4 in landscape has with LaTeX's own margins, between and beside the columns too.
constexpr double kLinePt = 590, kBetweenPt = 6, kMostNamePt = 0.35 * kLinePt;

// A name that leaves room for the numbers beside it.
ResultCell Fitting(const ResultCell& cell) {
  ResultCell fitting = cell;
  for (size_t columns = ColumnsOf(cell.text); LatexWidthPt(fitting.text) > kMostNamePt;) {
    fitting.text = ShortenedMiddle(cell.text, columns -= 1);
  }
  return fitting;
}

double LatexWidthPt(const ResultTable& table, size_t column) {
  if (table.columns[column].wraps) return 0.4 * kLinePt + kBetweenPt;
  const std::string& title = table.columns[column].title;
  const size_t unit = title.rfind(" (");
  double width = LatexWidthPt(title.substr(0, unit));
  for (const auto& row : table.rows) {
    const ResultCell& cell = row[column];
    const std::string sign = cell.half_width.empty() ? "" : " \u00b1 ";
    width = std::max(width, LatexWidthPt(cell.text + cell.number + sign + cell.half_width));
  }
  return width + kBetweenPt;
}

ResultTable WithColumns(const ResultTable& table, const std::vector<size_t>& columns) {
  ResultTable part{.caption = table.caption, .columns = {}, .is_long = table.is_long, .rows = {}};
  for (const size_t column : columns) part.columns.push_back(table.columns[column]);
  for (const auto& row : table.rows) {
    std::vector<ResultCell>& cells = part.rows.emplace_back();
    for (const size_t column : columns) cells.push_back(row[column]);
  }
  return part;
}

// Parts of a table that fit a line each; all of them begin with the columns up to the first name.
std::vector<ResultTable> FittingParts(ResultTable table) {
  size_t keys = 0;
  while (!table.columns[keys++].is_text) continue;
  for (auto& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (table.columns[i].is_text && !table.columns[i].wraps) row[i] = Fitting(row[i]);
    }
  }
  std::vector<size_t> key_columns(keys);
  std::iota(key_columns.begin(), key_columns.end(), size_t{0});
  double keys_pt = 0;
  for (const size_t key : key_columns) keys_pt += LatexWidthPt(table, key);
  std::vector<std::vector<size_t>> parts = {key_columns};
  double width = keys_pt;
  for (size_t column = keys; column < table.columns.size(); ++column) {
    const double more = LatexWidthPt(table, column);
    if (width + more > kLinePt && parts.back().size() > keys) {
      parts.push_back(key_columns);
      width = keys_pt;
    }
    parts.back().push_back(column);
    width += more;
  }
  std::vector<ResultTable> tables;
  for (const std::vector<size_t>& columns : parts) {
    tables.push_back(WithColumns(table, columns));
    if (parts.size() == 1) break;
    tables.back().caption += fmt::format(" ({} of {})", tables.size(), parts.size());
  }
  return tables;
}

std::string LatexTable(const RunResults& results, const ResultTable& table) {
  std::string columns;
  for (const ResultTable::Column& column : table.columns) {
    columns += column.wraps ? "p{0.4\\linewidth}" : column.is_text ? "l" : "r";
  }
  const std::string caption =
      fmt::format("  \\caption{{{}{}: {}.}}", results.notice.empty() ? "" : "SIMULATED. ",
                  LatexText(results.title), LatexText(table.caption));
  std::string rows;
  for (const auto& row : table.rows) rows += "    " + Joined(row, " & ", LatexCell) + " \\\\\n";
  const std::string head = LatexHead(table);
  if (table.is_long) {
    return fmt::format(
        "\n\\begingroup\n\\footnotesize\n\\setlength{{\\tabcolsep}}{{3pt}}\n"
        "\\begin{{longtable}}{{{}}}\n{} \\\\\n{}    \\endfirsthead\n{}    \\endhead\n"
        "    \\bottomrule\n    \\endfoot\n{}\\end{{longtable}}\n\\endgroup\n",
        columns, caption, head, head, rows);
  }
  return fmt::format(
      "\n\\begin{{table}}\n{}\n  \\centering\n  \\footnotesize\n  "
      "\\setlength{{\\tabcolsep}}{{3pt}}\n"
      "  \\begin{{tabular}}{{{}}}\n{}{}    \\bottomrule\n  \\end{{tabular}}\n\\end{{table}}\n",
      caption, columns, head, rows);
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
  const std::string plain = TableText(text);
  std::string escaped;
  char32_t before = 0;
  for (std::string_view rest = plain; !rest.empty();) {
    const std::string_view all = rest;
    const char32_t c = TakeCodePoint(&rest);
    // Fonts make one sign of two of these.
    if (c == before && (c == '-' || c == ',' || c == '\'')) escaped += "{}";
    before = c;
    if (const std::string_view sign = LatexSign(c); !sign.empty()) {
      escaped += sign;
    } else if (c < 0x80 || (c >= 0xC0 && c <= 0xFF)) {
      escaped += all.substr(0, all.size() - rest.size());
    } else {  // of the encoding T1 not
      escaped += fmt::format("{{[}}U+{:04X}]", static_cast<uint32_t>(c));
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
  std::string text =
      "% \\usepackage[T1]{fontenc}, \\usepackage{booktabs}, \\usepackage{longtable}\n"
      "% The tables of operators are long, and wide: one column, in landscape where they need "
      "it.\n";
  text += fmt::format("% {}\n", TableText(results.title));
  if (!results.notice.empty()) text += fmt::format("% {}\n", results.notice);
  for (const auto& [name, value] : results.facts) {
    text += fmt::format("% {}: {}\n", name, TableText(value));
  }
  for (const ResultTable& table : results.tables) {
    for (const ResultTable& part : FittingParts(table)) text += LatexTable(results, part);
  }
  return text;
}

}  // namespace synergy
