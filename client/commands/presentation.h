// A stored run on stdout, as `run` and `show` print it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/analysis/run_report.h"
#include "client/commands/truth_comparison.h"
#include "client/store/store.h"

namespace synergy {

struct PresentationOptions {
  bool json = false;
  std::string sort = "index";  // "index", "time", "energy"
  bool pages = false;          // where it is long
  bool counts = false;         // a column for each counted event
};

// By --sort: "index", "time", "energy".
void SortOps(const std::string& sort, RunReport* report);

// The run's JSON document, with its number in the store.
nlohmann::ordered_json RunDocument(const StoredRun& run, const RunReport& report);

// `truth` is shown beside the estimates where it is given.
absl::Status PrintRun(const StoredRun& run, RunReport report, const PresentationOptions& options,
                      const std::optional<v1::RunTruth>& truth = std::nullopt);

// How showing this run ends: kPartial for a run that is not whole, with a text that says why.
absl::Status Completeness(const StoredRun& run, const RunReport& report);

}  // namespace synergy
