// Features of operators that ran, or that would run. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

// The rail that contains all others of the board. InvalidArgument: none does; names them all.
// NotFound: the run has no rails.
absl::StatusOr<std::string> WholeRail(const RunReport& report);

// Of each core that the job could use, in the measured iterations the mean of its clock's highest
// and lowest [GHz]; without those whose clock could not be read.
std::vector<double> CoreClocks(const RunReport& report);
// The mean of these.
std::optional<double> FrequencyOf(const RunReport& report);

// Of the first zone that has the CPU in its name, else of the first one: the mean of the run's
// begin and its end [Celsius]. Nothing: the run has no temperatures.
std::optional<double> TemperatureOf(const RunReport& report);

}  // namespace synergy
