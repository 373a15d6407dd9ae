// What a run's energies are of: the board's rail, the clock and the temperature of its cores. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/analysis/run_report.h"

namespace synergy {

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
