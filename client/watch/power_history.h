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
  double seconds = 0;  // in which there were readings
};

// Thread-compatible.
class PowerHistory {
 public:
  // Points older than `keep_s` before the newest are forgotten; an hour of 10 Hz is some MB.
  explicit PowerHistory(double keep_s = 600) : keep_s_(keep_s) {}

  void Add(const v1::TelemetryPoint& point);

  const std::vector<std::string>& rails() const { return rails_; }
  // J of the rail since the first point, and the seconds that these cover.
  double energy_j(size_t rail) const { return energy_j_[rail]; }
  double seconds() const { return seconds_; }
  // Of the newest point, or of the last `span_s`; nothing: no reading was in it.
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

  double keep_s_;
  std::vector<std::string> rails_;
  std::vector<double> energy_j_;
  double seconds_ = 0;
  std::deque<Slice> slices_;
};

}  // namespace synergy
