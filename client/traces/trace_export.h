// A stored run as the traces that `import` reads: samples.csv, markers.csv, operators.csv,
// sensor.toml and records.jsonl (docs/traces.md). Pure. The run's chunks come twice, in order:
// first all to Scan, then all to Write.
//
// A reading keeps its stamps, its whole number and its freshness. Currents, voltages and energy
// counters are raw rows; beside a current stand its watts by the voltage of that time, beside an
// update of a counter the mean power since the one before.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/traces/rail_watts.h"
#include "client/traces/sensor_file.h"
#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

class TraceExport {
 public:
  // DataLoss for what cannot be decoded.
  absl::Status Scan(const v1::Chunk& chunk);
  // Appends the chunk's rows, and lines of TraceRecords.
  absl::Status Write(const v1::Chunk& chunk, std::string* samples, std::string* markers,
                     std::string* records);
  // The rows of the phases and of the operators, after all chunks were scanned.
  std::string PhaseRows() const;
  std::string OperatorRows() const;

  bool has_header() const { return header_.has_value(); }
  // After everything was written: rails without a row are not among them. The origin's verdict and
  // reasons are the caller's.
  SensorFile Sensors() const;

 private:
  struct Rail {
    RailWatts watts;
    bool stepless = false;          // its steps are none that a row can have
    bool measured = false;          // its power's channel has readings
    std::optional<Reading> before;  // of the rows of a power
    uint64_t rows = 0;
  };

  absl::Status WriteMarkers(const v1::Chunk& chunk, uint64_t lost, std::string* out,
                            std::string* records) const;
  absl::Status WriteReadings(const v1::Chunk& chunk, uint64_t lost, std::string* out,
                             std::string* records);
  void TakeHeader(const v1::RunHeader& header);
  void TakeOperators(const v1::OperatorTable& table);
  Rail* RailOf(uint32_t channel);
  static void WriteReading(const Reading& reading, Rail* rail, std::string* out);
  TraceSensor SensorOf(const Rail& rail) const;

  std::optional<v1::RunHeader> header_;
  std::vector<std::string> op_names_;  // each its own
  std::vector<std::string> op_types_;
  v1::OperatorTable operators_;
  std::vector<v1::PhaseChange> phases_;
  int64_t end_ns_ = 0;                          // of the run, or of what is there of it
  std::vector<Rail> rails_;                     // in the order of the header's channels
  std::map<uint32_t, uint64_t> next_sequence_;  // by channel; while written
};

}  // namespace synergy
