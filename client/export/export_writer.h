// A format of `export`: a stored run as one text, or as a folder of files. Pure: texts are appended
// to strings, which the caller writes away and empties between the calls.
//
// Calls: Scan with each of the run's chunks, Begin, Write with each of them again, End. A run is
// never in memory as a whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/analysis/host_meter.h"
#include "client/analysis/run_report.h"
#include "common/clock_comparison/meter_clock.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// What a meter on the host measured.
struct ExportedMeter {
  HostMeter host;  // its rails without samples: its clock could not be brought over
  std::vector<MeterRail> readings;  // all of them, as the meter stamped them
};

// What is known of the run before its chunks come.
struct ExportedRun {
  int64_t number = 0;  // in the store
  const RunReport& report;
  const ExportedMeter* meter = nullptr;  // which outlives the writer; null: there was none
};

class ExportWriter {
 public:
  using Texts = std::vector<std::string>;  // one a file

  virtual ~ExportWriter() = default;
  // The files' names in their folder; none: it is a single file, of any name.
  virtual std::vector<std::string> files() const { return {}; }
  // What it leaves out of such a run, for people; "" where that is nothing.
  virtual std::string left_out() const { return ""; }
  // False: everything is written by Begin, and no chunk is needed.
  virtual bool wants_chunks() const { return true; }

  // DataLoss for what cannot be decoded.
  virtual absl::Status Scan(const v1::Chunk&) { return absl::OkStatus(); }
  virtual void Begin(Texts& out) = 0;
  virtual absl::Status Write(const v1::Chunk&, Texts&) { return absl::OkStatus(); }
  virtual void End(Texts&) {}
};

}  // namespace synergy
