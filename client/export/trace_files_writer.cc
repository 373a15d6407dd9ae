#include "client/export/trace_files_writer.h"

#include "client/analysis/simulated_notice.h"
#include "client/traces/operator_rows.h"
#include "client/traces/trace_rows.h"
#include "fmt/format.h"

namespace synergy {

std::string TraceFilesWriter::left_out() const {
  return run_.report.meter ? "the rails of the host's meter are left out" : "";
}

void TraceFilesWriter::Begin(Texts& out) {
  const std::string notice = SimulatedNotice(run_.report.header.board());
  const std::string mark = notice.empty() ? "" : fmt::format("# {}\n", notice);
  out[0] += mark + SampleHeaderLine();
  out[1] += mark + MarkerHeaderLine() + traces_.PhaseRows();
  out[2] += mark + OperatorHeaderLine() + traces_.OperatorRows();
}

void TraceFilesWriter::End(Texts& out) {
  SensorFile sensors = traces_.Sensors();
  sensors.origin.verdict = run_.report.verdict;
  sensors.origin.reasons = run_.report.reasons;
  out[3] += SensorFileText(sensors);
}

}  // namespace synergy
