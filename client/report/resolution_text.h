// Which of a run's operators its rails tell apart, as text.
#pragma once

#include <string>

#include "client/analysis/run_report.h"

namespace synergy {

// A line for the rails that are alike; empty where no operator was executed.
std::string ResolutionText(const RunReport& report);

}  // namespace synergy
