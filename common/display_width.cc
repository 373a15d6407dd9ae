#include "common/display_width.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <utility>

namespace synergy {
namespace {

// Unicode's category Cf, and its line and paragraph separator.
bool IsInvisible(char32_t c) {
  constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0xAD, 0xAD},     {0x61C, 0x61C},   {0x180E, 0x180E}, {0x200B, 0x200F},   {0x2028, 0x202E},
      {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F},
  };
  return std::ranges::any_of(
      kRanges, [c](const auto& range) { return c >= range.first && c <= range.second; });
}

}  // namespace

char32_t TakeCodePoint(std::string_view* text) {
  const auto first = static_cast<unsigned char>(text->front());
  const size_t length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t c = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length && i < text->size(); ++i) {
    c = (c << 6) | (static_cast<unsigned char>((*text)[i]) & 0x3Fu);
  }
  text->remove_prefix(std::min(length, text->size()));
  return c;
}

size_t ColumnsOf(char32_t c) {
  if (c < 0x300) return 1;
  // The C library's table, whatever the locale of the user is.
  static const locale_t kUnicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (kUnicode == nullptr) return 1;
  const locale_t before = uselocale(kUnicode);
  const int columns = ::wcwidth(static_cast<wchar_t>(c));
  uselocale(before);
  return columns < 0 ? 1 : static_cast<size_t>(columns);
}

size_t ColumnsOf(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) columns += ColumnsOf(TakeCodePoint(&text));
  return columns;
}

std::string Visible(std::string_view text) {
  std::string visible;
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t c = TakeCodePoint(&text);
    const bool alone = visible.empty() && ColumnsOf(c) == 0;
    visible += alone || IsInvisible(c) ? "?" : before.substr(0, before.size() - text.size());
  }
  return visible;
}

}  // namespace synergy
