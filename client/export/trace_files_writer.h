// A run as the files that `import` reads: client/traces, docs/traces.md. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/export/export_writer.h"
#include "client/traces/trace_export.h"

namespace synergy {

class TraceFilesWriter : public ExportWriter {
 public:
  explicit TraceFilesWriter(const ExportedRun& run) : run_(run) {}

  static std::vector<std::string> FileNames() {
    return {"samples.csv", "markers.csv", "operators.csv", "sensor.toml", "records.jsonl"};
  }

  std::vector<std::string> files() const override { return FileNames(); }
  std::string left_out() const override;
  absl::Status Scan(const v1::Chunk& chunk) override { return traces_.Scan(chunk); }
  void Begin(Texts& out) override;
  absl::Status Write(const v1::Chunk& chunk, Texts& out) override {
    return traces_.Write(chunk, &out[0], &out[1], &out[4]);
  }
  void End(Texts& out) override;

 private:
  const ExportedRun run_;
  TraceExport traces_;
};

}  // namespace synergy
