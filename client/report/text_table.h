// Plain tables for a terminal: columns as wide as they must be, numbers to the right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/display_width.h"
#include "common/printable.h"

namespace synergy {

// Text of another process (names in a net, an engine's words) made fit for people: visible, cut
// after 4 KiB.
inline std::string Printable(std::string_view untrusted) {
  return Visible(Printable(untrusted, 4096));
}

// In ASCII and as wide as it was: the signs of tables have others, all else is '?'.
std::string InAscii(std::string_view text);

class TextTable {
 public:
  enum class Align { kLeft, kRight };
  static constexpr size_t kLeastText = 16;
  struct Column {
    std::string title;
    Align align = Align::kRight;
    bool with_before = false;  // is not parted from the column before it
    bool whole = false;        // is not shortened: somebody may want to copy it
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column; missing ones are empty.
  void AddRow(std::vector<std::string> cells);
  size_t rows() const { return rows_.size(); }

  // Title line, a rule, the rows; each line ends with a newline and has no blanks before it.
  // `width`: of the terminal; 0: as wide as it is. Where that makes the table fit, columns to the
  // left are shortened in the middle of their cells, to kLeastText columns at most. One that is
  // wider yet comes in parts below each other, each of which begins with the first `keys` columns;
  // what is to the left is shortened where one column beside these would not fit.
  std::string Text(size_t width = 0, size_t keys = 1) const;

 private:
  std::vector<size_t> Widths(size_t width, size_t keys) const;
  // What the widest part needs that has the keys and one column more.
  size_t LeastPart(const std::vector<size_t>& widths, size_t keys) const;
  // Of these columns.
  std::string Part(const std::vector<size_t>& places, const std::vector<size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace synergy
