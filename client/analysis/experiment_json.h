// How a run was measured beyond a number of iterations: until a precision, with one operator
// repeated. docs/json.md.
#pragma once

#include <nlohmann/json.hpp>

#include "client/analysis/run_report.h"

namespace synergy {

// null where the job asked for none.
nlohmann::ordered_json PrecisionJson(const RunReport& report);
nlohmann::ordered_json LoopJson(const RunReport& report);

// The last block that the run has; null: none, or no precision was asked for.
const v1::MeasuredBlock* LastBlock(const RunReport& report);
// Whether it is as precise as the job asks for.
bool ReachedPrecision(const RunReport& report);

}  // namespace synergy
