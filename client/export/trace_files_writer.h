// A run as the files that `import` reads: client/traces, docs/traces.md. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/export/export_writer.h"
#include "client/traces/meter_trace.h"
#include "client/traces/trace_export.h"

namespace synergy {

class TraceFilesWriter : public ExportWriter {
 public:
  explicit TraceFilesWriter(const ExportedRun& run);

  // All that a run can have; the last two only one that a meter on the host has measured.
  static std::vector<std::string> FileNames() {
    return {"samples.csv",   "markers.csv", "operators.csv", "sensor.toml",
            "records.jsonl", "meter.csv",   "meter.json"};
  }

  std::vector<std::string> files() const override;
  absl::Status Scan(const v1::Chunk& chunk) override { return traces_.Scan(chunk); }
  void Begin(Texts& out) override;
  absl::Status Write(const v1::Chunk& chunk, Texts& out) override;
  void End(Texts& out) override;

 private:
  const ExportedRun run_;
  TraceExport traces_;
  std::optional<MeterRows> meter_;
};

}  // namespace synergy
