// Rows of comma-separated values: a header that names the columns, in any order, then a row a line.
// A field may stand in double quotes, in which "" is one quote; it ends on its line. Blanks around
// a field and a carriage return before the line's end do not count. Pure; locales change nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace synergy {

struct CsvColumn {
  std::string_view name;
  bool required = true;
};

// Where a file has its columns, and its rows' fields by column. Thread-compatible.
class CsvTable {
 public:
  CsvTable() = default;  // without columns
  // `columns`: what there may be. InvalidArgument where the line is not a
  // header with the required ones, each once, and nothing else.
  static absl::StatusOr<CsvTable> ParseHeader(std::string_view line,
                                              std::span<const CsvColumn> columns);

  // InvalidArgument where the line has not as many fields as the header.
  absl::Status ParseRow(std::string_view line);
  // Of the row parsed last; "" for a column that the file does not have. Valid until the next row.
  std::string_view operator[](size_t column) const { return fields_[column]; }
  bool Has(size_t column) const { return has_[column]; }

 private:
  absl::Status ParseQuotedRow(std::string_view line);

  explicit CsvTable(size_t columns) : fields_(columns), has_(columns) {}

  std::vector<size_t> columns_;  // by place in the line
  std::vector<std::string_view> fields_;
  std::vector<bool> has_;
  std::vector<std::string> unquoted_;
};

// What the line's columns are called, whatever that is: views of it.
std::vector<std::string_view> CsvNames(std::string_view line);

// A line without what an editor may have put around it: a byte order mark, a carriage return.
std::string_view TrimmedLine(std::string_view line);

// The whole text as a number, otherwise InvalidArgument: `what` and what is wrong with it.
absl::StatusOr<int64_t> ParseInteger(std::string_view text, std::string_view what, int64_t lowest,
                                     int64_t highest);
absl::StatusOr<double> ParseDecimal(std::string_view text, std::string_view what);

// What spreadsheets take a text for a formula by, at its begin.
inline constexpr std::string_view kFormulaSigns = "=+-@";
// Text that moves no terminal and is no formula in a spreadsheet: control characters (C0, DEL, C1),
// a formula's sign and what is in `special` as "\x1b", a backslash as "\\".
std::string EscapedText(std::string_view text, std::string_view special = "");

// A field as it is written: in quotes where it needs them. Line ends become blanks.
std::string QuotedField(std::string_view text);

}  // namespace synergy
