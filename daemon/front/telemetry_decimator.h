// Live power at the rate that a client asks for, from the records of the telemetry ring.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/telemetry_ring.h"
#include "synergy/v1/device.pb.h"

namespace synergy {

// InvalidArgument unless 0 < rate_hz <= 100 (the ring's own rate).
absl::Status ValidateTelemetryRateUntrusted(double rate_hz);

// Pure: time is that of the records. Thread-compatible.
class TelemetryDecimator {
 public:
  // `rails` by index of the records' rails; `rate_hz` is valid. With `finest_hz` (above 0, not less
  // than the rate) periods begin and end only on the edges of a grid of so many cells a second from
  // the time 0 on, and none is cut: any number of decimators together say no more than one of that
  // rate does. Of such a period a point tells the mean alone, which is also its minimum and
  // maximum: those are of single readings; and neither the iteration nor the operator.
  TelemetryDecimator(double rate_hz, std::vector<std::string> rails, bool simulated,
                     std::optional<double> finest_hz = std::nullopt);

  // Adds the next record. A point comes out when a period is full: from its first record's begin to
  // its last one's end, per rail the least minimum, the greatest maximum and the mean over all
  // readings, and the activity of its last record. Periods are counted from the first record on;
  // where records are missing, so are points. `lost` and `front_cpu_ns` of the point are left to
  // the caller.
  std::optional<v1::TelemetryPoint> Add(const TelemetryRecord& record);
  // Records were lost before the next one: on a grid the period that misses them is left out.
  void Lose();

 private:
  int64_t PeriodEnd() const;
  void Merge(const TelemetryRecord& record);

  const std::vector<std::string> rails_;
  const bool simulated_;
  const Nanoseconds period_;
  const std::optional<Nanoseconds> grid_;
  std::optional<int64_t> due_ns_;  // the next point; on a grid it comes with the next edge
  bool whole_ = true;              // the period that is being collected
  bool empty_ = true;
  int64_t begin_ns_ = 0;
  std::vector<TelemetryRail> merged_;
};

}  // namespace synergy
