#include "client/export/trace_files_writer.h"

#include <cstdint>

#include "client/analysis/simulated_notice.h"
#include "client/traces/operator_rows.h"
#include "client/traces/trace_rows.h"
#include "fmt/format.h"

namespace synergy {

namespace {

constexpr size_t kMeterFiles = 2;
constexpr size_t kMeterRows = 65'536;  // written with each of the run's chunks

}  // namespace

TraceFilesWriter::TraceFilesWriter(const ExportedRun& run) : run_(run) {
  if (run.meter != nullptr) meter_.emplace(run.meter->host.record, run.meter->readings);
}

std::vector<std::string> TraceFilesWriter::files() const {
  std::vector<std::string> names = FileNames();
  if (!meter_) names.resize(names.size() - kMeterFiles);
  return names;
}

void TraceFilesWriter::Begin(Texts& out) {
  const std::string notice = SimulatedNotice(run_.report.header.board());
  const std::string mark = notice.empty() ? "" : fmt::format("# {}\n", notice);
  out[0] += mark + SampleHeaderLine();
  out[1] += mark + MarkerHeaderLine() + traces_.PhaseRows();
  out[2] += mark + OperatorHeaderLine() + traces_.OperatorRows();
  if (!meter_) return;
  out[5] += mark + MeterRows::HeaderLine();
  out[6] += MeterRecordText(run_.meter->host.record);
}

absl::Status TraceFilesWriter::Write(const v1::Chunk& chunk, Texts& out) {
  if (meter_) meter_->Append(kMeterRows, &out[5]);
  return traces_.Write(chunk, &out[0], &out[1], &out[4]);
}

void TraceFilesWriter::End(Texts& out) {
  SensorFile sensors = traces_.Sensors();
  sensors.origin.verdict = run_.report.verdict;
  sensors.origin.reasons = run_.report.reasons;
  out[3] += SensorFileText(sensors);
  if (meter_) meter_->Append(SIZE_MAX, &out[5]);
}

}  // namespace synergy
