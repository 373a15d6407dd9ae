#include "client/report/text_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_replace.h"

namespace synergy {
namespace {

void AppendLine(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                const std::vector<TextTable::Column>& columns, const std::vector<size_t>& places,
                std::string* text) {
  std::string line;
  for (const size_t i : places) {
    if (i != places.front()) line += "  ";
    const std::string cell = ShortenedMiddle(cells[i], widths[i]);
    const std::string padding(widths[i] - ColumnsOf(cell), ' ');
    line += columns[i].align == TextTable::Align::kRight ? padding + cell : cell + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  *text += line + "\n";
}

}  // namespace

std::string InAscii(std::string_view text) {
  const std::string with_signs =
      absl::StrReplaceAll({text.data(), text.size()},
                          {{"\u00b1 ", "+-"}, {"\u00b1", "+-"}, {"\u2026", "~"}, {"\u00b5", "u"}});
  std::string ascii;
  for (std::string_view rest = with_signs; !rest.empty();) {
    const char32_t c = TakeCodePoint(&rest);
    c < 0x80 ? ascii += static_cast<char>(c) : ascii.append(ColumnsOf(c), '?');
  }
  return ascii;
}

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string TextTable::Part(const std::vector<size_t>& places,
                            const std::vector<size_t>& widths) const {
  std::vector<std::string> titles, rule;
  for (size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    rule.emplace_back(widths[i], '-');
  }
  std::string text;
  AppendLine(titles, widths, columns_, places, &text);
  AppendLine(rule, widths, columns_, places, &text);
  for (const auto& row : rows_) AppendLine(row, widths, columns_, places, &text);
  return text;
}

size_t TextTable::LeastPart(const std::vector<size_t>& widths, size_t keys) const {
  size_t own = 0, widest = 0, group = 0;
  for (size_t i = 0; i < widths.size(); ++i) {
    if (i < keys) {
      own += widths[i] + 2;
      continue;
    }
    group = columns_[i].with_before ? group + 2 + widths[i] : widths[i];
    widest = std::max(widest, group);
  }
  return own + widest;
}

std::vector<size_t> TextTable::Widths(size_t width, size_t keys) const {
  std::vector<size_t> widths, least;
  size_t all = 0, spare = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    widths.push_back(ColumnsOf(columns_[i].title));
    least.push_back(std::max(widths[i], kLeastText));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], ColumnsOf(row[i]));
    all += widths[i] + (i > 0 ? 2 : 0);
    if (columns_[i].align == Align::kRight || columns_[i].whole) least[i] = widths[i];
    spare += widths[i] - std::min(widths[i], least[i]);
  }
  if (width == 0) return widths;
  const bool parted = all - spare > width;
  const auto over = [&](size_t k) { return widths[k] - std::min(widths[k], least[k]); };
  while ((parted ? LeastPart(widths, keys) : all) > width) {  // the one that has most to spare
    size_t longest = 0;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (over(i) > over(longest)) longest = i;
    }
    if (over(longest) == 0) break;
    --widths[longest];
    --all;
  }
  return widths;
}

std::string TextTable::Text(size_t width, size_t keys) const {
  const std::vector<size_t> widths = Widths(width, keys);
  std::string text;
  std::vector<size_t> places;
  size_t used = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t needed = 2 + widths[i];
    for (size_t k = i + 1; k < columns_.size() && columns_[k].with_before; ++k) {
      needed += 2 + widths[k];
    }
    // A part has at least one column beside the keys, however narrow the terminal is.
    const bool may_part = i > keys && places.size() > keys && !columns_[i].with_before;
    if (width > 0 && may_part && used + needed > width) {
      text += Part(places, widths) + "\n";
      places.resize(keys);
      used = 0;
      for (const size_t key : places) used += widths[key] + 2;
      used -= keys > 0 ? 2 : 0;
    }
    used += (places.empty() ? 0 : 2) + widths[i];
    places.push_back(i);
  }
  return text + Part(places, widths);
}

}  // namespace synergy
