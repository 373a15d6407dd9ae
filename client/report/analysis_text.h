// One rail of a run, operator by operator, as `synergyctl analyze` prints it. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "client/analysis/run_report.h"

namespace synergy {

// Of the rail at this place of report.rails(). `other`: the same run by another method, beside it;
// null: alone.
// `width`: of the terminal, as RunTextOptions has it.
std::string AnalysisText(const RunReport& report, size_t rail, const RunReport* other,
                         size_t width = 0);

}  // namespace synergy
