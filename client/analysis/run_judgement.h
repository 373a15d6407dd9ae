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
  double drift = 0.3;        // span of a rail's slow drift, of its mean power in operators
  double residual = 0.1;     // what single readings are off by, of the same, beyond known noise
  double books = 0.02;       // energy that is unattributed, of the rail's integral
  double iterations = 10;    // from which a free-running sensor's cycle is believed
};
// Their names; they point into `limits`.
std::vector<NamedLimit> Named(RecordLimits& limits);

// "code: words", each of which makes a run SUSPECT.
std::vector<std::string> RecordReasons(const RunReport& report, const RecordLimits& limits);

// Adds them to the report, and SUSPECT where it was VALID.
void JudgeRecords(const RecordLimits& limits, RunReport* report);

}  // namespace synergy
