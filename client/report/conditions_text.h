// What a run ran under, for people.
#pragma once

#include <string>

#include "client/analysis/run_report.h"

namespace synergy {

// Lines of a report's head; empty where the board told nothing.
std::string ConditionsText(const RunReport& report);

}  // namespace synergy
