// Which operators of a run the sensor of each rail can tell apart. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

struct RailResolution {
  std::string rail;
  std::optional<double> window_s;    // that a reading takes together; absent: not known
  std::optional<double> shortest_s;  // operator that has a reading of its own (ShortestResolved)
  // Of RunReport::ops those whose mean execution is shorter; 0 where `shortest_s` is absent. Their
  // joules are mixed with what ran beside them.
  size_t shorter = 0;
};

// Rails that the board measures, in the order of the run's channels; with what was read in the run,
// or was asked for where the run has no end. A rail with several channels has its best one.
std::vector<RailResolution> ResolutionOf(const RunReport& report);

}  // namespace synergy
