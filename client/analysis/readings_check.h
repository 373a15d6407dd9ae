// Reasons against a run that the number of its readings and the time between them give. Pure.
#pragma once

#include "client/analysis/run_report.h"
#include "common/attribution/run_data.h"

namespace synergy {

// Adds them to the report, and the verdict that they make. Few readings are told of every run whose
// device did not say so; repeated and missing ones of imported runs alone, for devices have judged
// theirs, by their own limits.
void JudgeReadings(const RunData& data, RunReport* report);

}  // namespace synergy
