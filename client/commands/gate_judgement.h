// From what a gate is given to its decision: stored runs, or job files that are measured first.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/analysis/gate.h"
#include "client/commands/compared_runs.h"
#include "client/commands/gate_files.h"

namespace synergy {

struct GateOptions {
  std::string baseline, candidate;  // runs, tags, job files (sweep_plan.h)
  GateSettings said;
  double between_run = kAssumedBetweenRun;
  bool pairs = false, require_valid = false, force = false;
  std::string host, store;
};

// Two job files: what is not decided by then is near the limit (docs/gate.md has the power).
inline constexpr size_t kGatePairs = 30;
// A job file beside stored runs.
inline constexpr size_t kGateRuns = 5;

struct JudgedPoint {
  LoadedSides sides;
  GateResult result;
};

// One point; of two job files as many as they have.
using JudgedGate = std::vector<JudgedPoint>;

// Two job files are measured in turns, A B, B A, A B, point by point, each until it is decided, up
// to the first that fails; one of them, which has one point, so many times, with one look at the
// end. kUsage also: options that do not go together, runs that do not compare, a rail that the
// board does not have. Errors of GateMeasurement.
absl::StatusOr<JudgedGate> JudgeGiven(const GateOptions& options);

}  // namespace synergy
