#include "common/printable.h"

#include <cstdint>

#include "common/display_width.h"

namespace synergy {
namespace {

// Length of the well-formed sequence (Unicode, table 3-7) that `text` begins with, 0: it begins
// with none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const auto within = [&](size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const auto tail = [&](size_t i) { return within(i, 0x80, 0xBF); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;   // no overlong forms
    const unsigned high = first == 0xED ? 0x9F : 0xBF;  // no surrogates
    return within(1, low, high) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return within(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// C0 and DEL, and C1 (0xC2 0x80 to 0xC2 0x9F), which terminals obey too.
bool IsControl(std::string_view sequence) {
  const auto first = static_cast<uint8_t>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<uint8_t>(sequence[1]) < 0xA0;
}

char32_t FirstCodePoint(std::string_view text) { return TakeCodePoint(&text); }

}  // namespace

std::string Printable(std::string_view untrusted, size_t max_bytes) {
  std::string text;
  while (!untrusted.empty()) {
    const size_t length = SequenceLength(untrusted);
    std::string_view shown = untrusted.substr(0, length);
    if (length == 0) {
      shown = "?";
    } else if (IsControl(shown)) {
      shown = shown == "\n" ? " " : "?";
    }
    if (text.size() + shown.size() > max_bytes) break;
    text.append(shown);
    untrusted.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

std::string ShortenedMiddle(std::string_view text, size_t max_columns) {
  if (ColumnsOf(text) <= max_columns) return std::string(text);
  if (max_columns == 0) return "";
  const size_t tail_columns = (max_columns - 1) / 2, head_columns = max_columns - 1 - tail_columns;
  std::string_view rest = text;
  for (size_t used = 0; !rest.empty();) {
    std::string_view next = rest;
    used += ColumnsOf(TakeCodePoint(&next));
    if (used > head_columns) break;
    rest = next;
  }
  std::string shortened(text.substr(0, text.size() - rest.size()));
  size_t left = ColumnsOf(rest);
  // An accent stays with its letter, or goes with it.
  while (!rest.empty() && (left > tail_columns || ColumnsOf(FirstCodePoint(rest)) == 0)) {
    left -= ColumnsOf(TakeCodePoint(&rest));
  }
  return shortened.append("\u2026").append(rest);
}

}  // namespace synergy
