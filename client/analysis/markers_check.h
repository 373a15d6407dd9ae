// Whether an imported run's markers tell all that ran: its own device said it of any other run.
// Pure.
#pragma once

#include "client/analysis/run_report.h"

namespace synergy {

// Adds reasons, and SUSPECT, where executions are missing in measured iterations, or where several
// have one operator's name.
void JudgeMarkers(RunReport* report);

}  // namespace synergy
