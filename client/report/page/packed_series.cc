#include "client/report/page/packed_series.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"

namespace synergy {

void AppendVarint(uint64_t value, std::string* bytes) {
  for (; value >= 0x80; value >>= 7) bytes->push_back(static_cast<char>(value | 0x80));
  bytes->push_back(static_cast<char>(value));
}

void AppendSigned(int64_t value, std::string* bytes) {
  AppendVarint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63), bytes);
}

void PackedSeries::Add(int64_t at_ns, double value) {
  // Doubles in the page hold whole numbers to 2^53.
  const double steps = std::round(value / step_);
  if (!(std::abs(steps) < 0x1p53)) return;
  points_.push_back({(at_ns - begin_ns_) / 1000, static_cast<int64_t>(steps)});
}

std::vector<PackedSeries::Point> PackedSeries::Thinned(const std::vector<Point>& points,
                                                       size_t of) {
  std::vector<Point> kept;
  for (size_t begin = 0; begin < points.size(); begin += of) {
    const auto first = points.begin() + static_cast<ptrdiff_t>(begin);
    const auto last = points.begin() + static_cast<ptrdiff_t>(std::min(begin + of, points.size()));
    const auto [low, high] = std::minmax_element(
        first, last, [](const Point& a, const Point& b) { return a.steps < b.steps; });
    kept.push_back(*std::min(low, high));
    if (low->steps != high->steps) kept.push_back(*std::max(low, high));
  }
  return kept;
}

nlohmann::ordered_json PackedSeries::Json(size_t most) const {
  std::vector<Point> points = points_;
  std::ranges::stable_sort(points, {}, &Point::at_us);
  size_t thinned = 1;
  if (points.size() > most) {
    thinned = (2 * points.size() + most - 1) / most;
    points = Thinned(points, thinned);
  }
  std::string bytes;
  Point before;
  int64_t interval_us = 0;
  for (const Point& point : points) {
    AppendSigned(point.at_us - before.at_us - interval_us, &bytes);
    AppendSigned(point.steps - before.steps, &bytes);
    interval_us = point.at_us - before.at_us;
    before = point;
  }
  nlohmann::ordered_json json;
  json["name"] = name_;
  json["step"] = step_;
  json["count"] = points.size();
  json["thinned"] = thinned;
  json["data"] = absl::Base64Escape(bytes);
  return json;
}

}  // namespace synergy
