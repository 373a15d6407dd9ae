// Features of operators that ran, or that would run. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/analysis/run_report.h"
#include "client/models/model.h"
#include "client/predict/feature_table.h"

namespace synergy {

// A row an operator of the network, without energies. `frequency_ghz`: of the CPU; nothing: not
// said. Copies of operators that do nothing in place are rows, too, with no bytes.
FeatureTable FeaturesOf(const Model& model, std::optional<double> frequency_ghz);

// Adds a row for each operator of a run, with its energy on the rail, its time and what was counted
// of it. Operators whose energies are known together only have a part of that, by their times, and
// all of it as standard error; where none is known it is a run of FeatureTable::whole_runs. `run`:
// what the run is called. NotFound: it has no such rail, or no energy there; the message says why.
absl::Status AddRun(const RunReport& report, const std::string& rail, const std::string& run,
                    FeatureTable* table);

}  // namespace synergy
