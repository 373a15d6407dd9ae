// Values over time in few bytes, as the page of a report reads them (client/report/web/packed.js).
// Pure.
//
// Bytes: per value, as LEB128 varints, zigzag(interval - previous interval) in microseconds and
// zigzag(value - previous value) in steps; what comes before the first is 0. As base64.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace synergy {

class PackedSeries {
 public:
  // `step`: what values are rounded to, in the unit that `name` says or implies.
  PackedSeries(std::string name, double step, int64_t begin_ns)
      : name_(std::move(name)), step_(step), begin_ns_(begin_ns) {}

  // In any order; one that is not finite is left out.
  void Add(int64_t at_ns, double value);

  // {"name", "step", "count", "thinned", "data"}, with at most about `most` values: of more, the
  // lowest and the highest of each `thinned` values stand for them. 1: all are there.
  nlohmann::ordered_json Json(size_t most) const;

 private:
  struct Point {
    int64_t at_us = 0;
    int64_t steps = 0;
  };
  static std::vector<Point> Thinned(const std::vector<Point>& points, size_t of);

  const std::string name_;
  const double step_;
  const int64_t begin_ns_;
  std::vector<Point> points_;
};

// LEB128, of a signed number behind zigzag.
void AppendVarint(uint64_t value, std::string* bytes);
void AppendSigned(int64_t value, std::string* bytes);

}  // namespace synergy
