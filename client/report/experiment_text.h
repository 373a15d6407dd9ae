// How a run was measured beyond a number of iterations, for people.
#pragma once

#include <string>

#include "client/analysis/run_report.h"

namespace synergy {

// A line of the header; "" where the job asked for no precision.
std::string PrecisionText(const RunReport& report);
// The repeated operator beside its attributed energy; "" where none was.
std::string LoopText(const RunReport& report);

}  // namespace synergy
