// From a stored run to its report.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/analysis/run_judgement.h"
#include "client/analysis/run_report.h"
#include "client/store/store.h"

namespace synergy {

// A store that may not be there, opened to be read, with one of its runs. Unknown runs end in
// kUsage.
struct OpenedRun {
  std::unique_ptr<Store> store;
  StoredRun run;
};
absl::StatusOr<OpenedRun> OpenRun(const std::string& store_option, const std::string& run);

// Decodes the run's chunks and attributes their energy by the method named. Damaged or missing
// chunks end what is reported, with RunReport::damage; kRefused where nothing is left. `limits`:
// what the records are judged by, besides what the device said of them.
absl::StatusOr<RunReport> LoadReport(Store& store, const StoredRun& run, const std::string& method,
                                     const RecordLimits& limits = {});

}  // namespace synergy
