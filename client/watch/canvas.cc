#include "client/watch/canvas.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/display_width.h"

namespace synergy {
namespace {

// One column wide everywhere: Latin, the ellipsis, box drawing, blocks, braille.
bool IsOneColumn(char32_t glyph) {
  return (glyph >= 0x20 && glyph < 0x7F) || (glyph > 0xA0 && glyph < 0x300 && glyph != 0xAD) ||
         glyph == 0x2026 || (glyph >= 0x2500 && glyph <= 0x28FF);
}

char32_t TakeGlyph(std::string_view* text) {
  const char32_t glyph = TakeCodePoint(text);
  return IsOneColumn(glyph) ? glyph : U'?';
}

char32_t InAscii(char32_t glyph) {
  if (glyph < 0x7F) return glyph;
  return glyph == U'\u2026' ? U'~' : U'?';
}

void AppendGlyph(char32_t glyph, std::string* text) {
  const auto byte = [](char32_t bits) {
    return static_cast<char>(static_cast<unsigned char>(bits));
  };
  if (glyph < 0x80) {
    *text += byte(glyph);
  } else if (glyph < 0x800) {
    *text += byte(0xC0 | (glyph >> 6));
    *text += byte(0x80 | (glyph & 0x3F));
  } else {
    *text += byte(0xE0 | (glyph >> 12));
    *text += byte(0x80 | ((glyph >> 6) & 0x3F));
    *text += byte(0x80 | (glyph & 0x3F));
  }
}

}  // namespace

std::string OneColumnEach(std::string_view text) {
  std::string plain;
  while (!text.empty()) AppendGlyph(TakeGlyph(&text), &plain);
  return plain;
}

Canvas::Canvas(size_t columns, size_t rows)
    : columns_(columns), rows_(rows), cells_(columns * rows) {}

void Canvas::Set(size_t column, size_t row, Cell cell) {
  if (column < columns_ && row < rows_) cells_[row * columns_ + column] = cell;
}

size_t Canvas::Put(size_t column, size_t row, std::string_view text, Ink ink) {
  while (!text.empty() && column < columns_) Set(column++, row, {TakeGlyph(&text), ink});
  return column;
}

void Canvas::Fill(size_t row, Ink ink) {
  for (size_t x = 0; x < columns_ && row < rows_; ++x) cells_[row * columns_ + x].ink = ink;
}

void Canvas::Place(size_t column, size_t row, const Canvas& part) {
  for (size_t y = 0; y < part.rows(); ++y) {
    for (size_t x = 0; x < part.columns(); ++x) Set(column + x, row + y, part.at(x, y));
  }
}

std::string Canvas::Text() const {
  std::string text;
  for (size_t y = 0; y < rows_; ++y) {
    for (size_t x = 0; x < columns_; ++x) AppendGlyph(at(x, y).glyph, &text);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

std::string Changes(const Canvas& shown, const Canvas& wanted, const TerminalLook& look) {
  const bool all = shown.columns() != wanted.columns() || shown.rows() != wanted.rows();
  std::string bytes = all ? "\x1b[m\x1b[2J" : "";
  Ink ink = Ink::kPlain;  // every change ends with it
  bool cursor_known = false;
  for (size_t y = 0; y < wanted.rows(); ++y) {
    cursor_known = false;
    for (size_t x = 0; x < wanted.columns(); ++x) {
      const Cell& cell = wanted.at(x, y);
      if (cell == (all ? Cell() : shown.at(x, y))) {
        cursor_known = false;
        continue;
      }
      if (!cursor_known) bytes += fmt::format("\x1b[{};{}H", y + 1, x + 1);
      cursor_known = true;
      if (cell.ink != ink) bytes += InkSequence(cell.ink, look.colors);
      ink = cell.ink;
      AppendGlyph(look.utf8 ? cell.glyph : InAscii(cell.glyph), &bytes);
    }
  }
  if (ink != Ink::kPlain) bytes += InkSequence(Ink::kPlain, look.colors);
  return bytes;
}

}  // namespace synergy
