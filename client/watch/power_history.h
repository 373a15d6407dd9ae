// The live power of a board's rails as far back as it can be looked at. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "synergy/v1/device.pb.h"

namespace synergy {

struct PowerSpan {
  double min_w = 0;
  double mean_w = 0;
  double max_w = 0;
  uint64_t readings = 0;
  double seconds = 0;  // that the readings stand for
};

// Of a sensor that is read less often than points are asked for, most points have no reading: each
// reading stands for the time since the one before it, this long at most.
inline constexpr double kLongestHold_s = 5;

// Thread-compatible.
class PowerHistory {
 public:
  // Points older than `keep_s` before the newest are forgotten; an hour of 10 Hz is some MB.
  explicit PowerHistory(double keep_s = 600) : keep_s_(keep_s) {}

  void Add(const v1::TelemetryPoint& point);
  // What was before the next point is not known: it stands for its own time alone.
  void Interrupt();

  const std::vector<std::string>& rails() const { return rails_; }
  // J of the rail since the first point.
  double energy_j(size_t rail) const { return energy_j_[rail]; }
  // Of the newest point, or the last reading of before, which holds; of the last `span_s`. Nothing:
  // no reading was in it.
  std::optional<PowerSpan> Now(size_t rail) const;
  std::optional<PowerSpan> Last(size_t rail, double span_s) const;
  // The last `span_s` in columns, the newest one last. Their edges are those of a fixed grid, so
  // that what was shown moves on by whole columns.
  std::vector<std::optional<PowerSpan>> Columns(size_t rail, double span_s, size_t columns) const;

 private:
  struct Slice {
    int64_t begin_ns = 0, end_ns = 0;
    std::vector<PowerSpan> rails;
  };

  // From which on a reading of the rail in this point stands for the time.
  int64_t HoldsFrom(const v1::TelemetryPoint& point, size_t rail) const;

  double keep_s_;
  std::vector<std::string> rails_;
  std::vector<double> energy_j_;
  std::vector<std::optional<int64_t>> known_until_ns_;  // by rail
  std::deque<Slice> slices_;
};

}  // namespace synergy
