// meter.csv and meter.json: what a meter on the host measured of a run (docs/traces.md), as the
// meter stamped it, with what brings its clock onto the board's. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock_comparison/meter_clock.h"
#include "synergy/v1/meter.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// rail,stamp_ns,at_ns,power_w. In parts: a file may be as long as the run.
class MeterRows {
 public:
  // Both outlive it.
  MeterRows(const v1::MeterRecord& record, std::span<const MeterRail> rails);
  static std::string HeaderLine();
  // So many rows more, as far as there are any.
  void Append(size_t rows, std::string* out);

 private:
  const std::span<const MeterRail> rails_;
  std::vector<ClockSegment> segments_;  // none: at_ns is not known
  size_t rail_ = 0, reading_ = 0;       // the next row
};

// The record in protobuf's JSON.
std::string MeterRecordText(const v1::MeterRecord& record);

struct MeterTrace {
  v1::MeterRecord record;
  std::vector<v1::Chunk> chunks;  // as Store::AppendMeterChunks takes them
};
// InvalidArgument with the file, and the line where it has some.
absl::StatusOr<MeterTrace> ParseMeterTrace(std::string_view rows, const std::string& rows_file,
                                           const std::string& record,
                                           const std::string& record_file);

}  // namespace synergy
