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
  // `rails` by index of the records' rails; `rate_hz` is valid.
  TelemetryDecimator(double rate_hz, std::vector<std::string> rails, bool simulated);

  // Adds the next record. A point comes out when a period is full: from its first record's begin to
  // its last one's end, per rail the least minimum, the greatest maximum and the mean over all
  // readings, and the activity of its last record. Periods are counted from the first record on;
  // where records are missing, so are points. `lost` of the point is left to the caller.
  std::optional<v1::TelemetryPoint> Add(const TelemetryRecord& record);

 private:
  void Merge(const TelemetryRecord& record);

  const std::vector<std::string> rails_;
  const bool simulated_;
  const Nanoseconds period_;
  std::optional<int64_t> period_end_ns_;
  bool empty_ = true;
  int64_t begin_ns_ = 0;
  std::vector<TelemetryRail> merged_;
};

}  // namespace synergy
