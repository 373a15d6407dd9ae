// What stands on a terminal, cell by cell, and what must be written so that something else does.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "client/watch/terminal_look.h"

namespace synergy {

// UTF-8 as a canvas has it: glyphs that may be more or less than a column wide are '?'.
std::string OneColumnEach(std::string_view text);

struct Cell {
  char32_t glyph = U' ';
  Ink ink = Ink::kPlain;
  friend bool operator==(const Cell&, const Cell&) = default;
};

class Canvas {
 public:
  Canvas(size_t columns, size_t rows);

  size_t columns() const { return columns_; }
  size_t rows() const { return rows_; }
  const Cell& at(size_t column, size_t row) const { return cells_[row * columns_ + column]; }

  void Set(size_t column, size_t row, Cell cell);  // nothing, beyond the edges
  // UTF-8 from there on, cut at the right edge; the column behind it. As
  // OneColumnEach has it.
  size_t Put(size_t column, size_t row, std::string_view text, Ink ink = Ink::kPlain);
  void Fill(size_t row, Ink ink);  // gives the whole row this ink
  // Another canvas, its upper left corner there; what is beyond the edges is cut off.
  void Place(size_t column, size_t row, const Canvas& part);

  // Rows without the blanks at their ends, each with a newline.
  std::string Text() const;

 private:
  size_t columns_;
  size_t rows_;
  std::vector<Cell> cells_;
};

// The bytes that turn a terminal that shows `shown` into one that shows `wanted`: no cell that is
// the same in both is written. Of another size: everything is.
std::string Changes(const Canvas& shown, const Canvas& wanted, const TerminalLook& look);

}  // namespace synergy
