// `export RUN --traces FOLDER`: samples.csv, markers.csv and sensor.toml, as import reads them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "client/analysis/run_report.h"
#include "client/commands/stored_report.h"

namespace synergy {

// kUsage where `folder` cannot be written, or neither it nor the folder that it is to be in exists,
// or one of the files is there already and not to be replaced.
absl::Status CheckTracesFolder(const std::string& folder, bool replace);

// As far as the run's chunks are whole; `report` is the run's. Makes the folder where it is not
// there; each file is replaced as a whole. Errors of writing end in kFailedCheck.
absl::Status ExportTraces(const OpenedRun& run, const RunReport& report, const std::string& folder);

}  // namespace synergy
