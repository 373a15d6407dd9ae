// `import FOLDER`, `import --samples S.csv --markers M.csv`: what an external meter or tool
// recorded.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "client/commands/run_import.h"

namespace synergy {

struct TraceFiles {
  std::string samples;
  std::string markers;
  std::string sensor;     // "": there is none
  std::string operators;  // likewise
  std::string records;    // likewise
  std::string meter;      // likewise; of a meter on the host, which a folder alone can have
  std::string meter_record;
  std::string net;  // "": as the sensor file says
};

// Those of a folder that `export --traces` has written; what is not there is "".
TraceFiles TraceFilesOf(const std::string& folder);

// Stores the run. Bad files end in kUsage with their line, and nothing is stored then.
absl::StatusOr<RunImport> ImportTraces(const TraceFiles& files, const std::string& store_option,
                                       std::stop_token stop);

}  // namespace synergy
