#include "client/watch/chart.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace synergy {
namespace {

constexpr size_t kDotRows = 4;  // of a braille character; ASCII has two heights in one
constexpr size_t kAsciiRows = 2;

// Unicode's braille patterns: the dot of (row from the top, column).
constexpr std::array<std::array<unsigned, 2>, kDotRows> kDots = {
    {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};

// U+2800 + dots.
std::string Braille(unsigned dots) {
  if (dots == 0) return " ";
  return {static_cast<char>(0xE2), static_cast<char>(0xA0 | (dots >> 6)),
          static_cast<char>(0x80 | (dots & 0x3F))};
}

// The heights, from 0 at the bottom, that a value takes.
struct Heights {
  size_t low = 0, high = 0;
};
Heights HeightsOf(const PowerSpan& span, double top_w, size_t heights) {
  const auto height = [&](double power_w) {
    const double share = std::clamp(power_w / top_w, 0.0, 1.0);
    return std::min(static_cast<size_t>(share * static_cast<double>(heights)), heights - 1);
  };
  return {height(span.min_w), height(span.max_w)};
}

std::string Ascii(bool upper, bool lower) {
  if (upper && lower) return ":";
  return upper ? "'" : lower ? "." : " ";
}

}  // namespace

size_t PlacesOf(size_t columns, bool utf8) { return utf8 ? 2 * columns : columns; }

std::vector<std::string> PowerChart(const std::vector<std::optional<PowerSpan>>& values,
                                    double top_w, size_t columns, size_t rows, bool utf8) {
  const size_t heights = rows * (utf8 ? kDotRows : kAsciiRows);
  const size_t places = PlacesOf(columns, utf8);
  std::vector<std::vector<bool>> dots(heights, std::vector<bool>(places));  // from the top
  std::optional<Heights> before;
  for (size_t x = 0; x < std::min(places, values.size()) && heights > 0; ++x) {
    if (!values[x]) {
      before.reset();
      continue;
    }
    Heights taken = HeightsOf(*values[x], top_w, heights);
    const Heights own = taken;
    if (before && before->low > taken.high) taken.high = before->low - 1;
    if (before && before->high < taken.low) taken.low = before->high + 1;
    before = own;
    for (size_t y = taken.low; y <= taken.high; ++y) dots[heights - 1 - y][x] = true;
  }
  std::vector<std::string> lines(rows);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) {
      if (!utf8) {
        lines[row] += Ascii(dots[2 * row][column], dots[2 * row + 1][column]);
        continue;
      }
      unsigned glyph = 0;
      for (size_t y = 0; y < kDotRows; ++y) {
        for (size_t x = 0; x < 2; ++x) {
          if (dots[kDotRows * row + y][2 * column + x]) glyph |= kDots[y][x];
        }
      }
      lines[row] += Braille(glyph);
    }
  }
  return lines;
}

double ScaleFor(double highest_w) {
  for (double decade = 0.1; decade < 1e9; decade *= 10) {
    for (const double step : {1.0, 2.0, 5.0}) {
      if (step * decade >= highest_w * (1 - 1e-9)) return step * decade;
    }
  }
  return std::max(highest_w, 1e9);
}

std::string IntervalBar(double low, double high, double full, size_t columns, bool utf8) {
  const auto cells = [&](double value) {
    const double share = full > 0 ? std::clamp(value / full, 0.0, 1.0) : 0;
    return static_cast<size_t>(std::lround(share * static_cast<double>(columns)));
  };
  std::string bar;
  for (size_t i = 0; i < cells(high); ++i) {
    const bool sure = i < cells(low);
    bar += utf8 ? (sure ? "\u2588" : "\u2592") : (sure ? "=" : "-");
  }
  return bar;
}

}  // namespace synergy
