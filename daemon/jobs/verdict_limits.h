// What a run may lack on its device and still be VALID; docs/verdict.md says why each limit is what
// it is. A user moves them with `synergyd --limit`.
#pragma once

#include <string>
#include <vector>

#include "common/named_limits.h"
#include "common/reading_counts.h"

namespace synergy {

struct VerdictLimits {
  double lost_ticks = 0.01;  // share of a source's ticks that were missed, or whose read failed
  double readings = kFewestReadings;  // fewest of a rail in the measured phase
  double windows = 10;                // fewest of a rail's windows that the measured phase lasts
  double clock_away = 0.01;  // share of the phase in which a clock was not where it was fixed
  double other_cpu = 0.05;   // share of all CPUs' time that other processes used
  double gate_margin_c = 5;  // above the job's --cool-below when the phase begins, degrees Celsius
};

// Their names; they point into `limits`.
std::vector<NamedLimit> Named(VerdictLimits& limits);

// "other_cpu=20% (usually 5%)" for those that were moved; "": none.
std::string MovedLimits(VerdictLimits limits);

}  // namespace synergy
