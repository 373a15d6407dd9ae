// Reasons against a run that its stored records tell: they can be judged again, with other limits,
// whatever its device said. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/analysis/run_report.h"
#include "common/named_limits.h"

namespace synergy {

// docs/verdict.md says why each is what it is.
struct RecordLimits {
  double overlap = 0.01;     // share of the operators' time in which several ran
  double idle_shift = 0.05;  // change of the idle power over the job, of its mean
};
// Their names; they point into `limits`.
std::vector<NamedLimit> Named(RecordLimits& limits);

// "code: words", each of which makes a run SUSPECT.
std::vector<std::string> RecordReasons(const RunReport& report, const RecordLimits& limits);

// Adds them to the report, and SUSPECT where it was VALID.
void JudgeRecords(const RecordLimits& limits, RunReport* report);

}  // namespace synergy
