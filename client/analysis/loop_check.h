// The independent cross-check of one operator: what it costs when it is repeated back to back
// (JobSpec.loop), by plain integration, beside what the network's iterations gave it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"
#include "common/attribution/run_data.h"

namespace synergy {

// Of the operator that the job looped; nothing where it looped none. `report` has its operators and
// their energies. Of each rail: the mean power between its third window after the loop's begin and
// the window before its end, times the mean time between the begins of two executions in there. A
// rail whose window is not known, or that has too few readings there, has no energy.
std::optional<LoopCheck> CheckLoop(const RunData& data, const RunReport& report);

}  // namespace synergy
