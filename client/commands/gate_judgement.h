// From what a gate is given to its decision: stored runs, or job files that are measured first.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "client/analysis/gate.h"
#include "client/commands/compared_runs.h"

namespace synergy {

struct GateOptions {
  std::string baseline, candidate;  // runs, tags, job files (gate_job.h)
  ComparedWhat what;
  GateRule rule;
  bool per_op = false, pairs = false, require_valid = false, force = false;
  std::string host, store;
  size_t runs = 0;  // of a job file, at most; 0: kGatePairs, kGateRuns
};

// Two job files: what is not decided by then is near the limit (docs/gate.md has the power).
inline constexpr size_t kGatePairs = 30;
// A job file beside stored runs.
inline constexpr size_t kGateRuns = 5;

struct JudgedGate {
  LoadedSides sides;
  GateResult result;
};

// Two job files are measured in turns, A B, B A, A B, until it is decided; one of them so many
// times, with one look at the end. kUsage also: options that do not go together, runs that do not
// compare, a rail that the board does not have. Errors of GateMeasurement.
absl::StatusOr<JudgedGate> JudgeGiven(const GateOptions& options);

}  // namespace synergy
