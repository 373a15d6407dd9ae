// From what a gate is given to its decision: stored runs, or job files that are measured first.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/gate_session.h"

namespace synergy {

// A job file beside stored runs.
inline constexpr size_t kGateRuns = 5;

// One point; of two job files as many as they have.
using JudgedGate = std::vector<JudgedPoint>;

// Two job files are measured in turns, A B, B A, A B, point by point, each until it is decided, up
// to the first that fails; one of them, which has one point, so many times, with one look at the
// end. kUsage also: options that do not go together, runs that do not compare, a rail that the
// board does not have. Errors of GateMeasurement.
absl::StatusOr<JudgedGate> JudgeGiven(const GateOptions& options);

}  // namespace synergy
