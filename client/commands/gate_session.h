// A point of a gate, from its runs to the decision: the order in which they are measured, when they
// are looked at, when it is over. Whoever measures is a function, so that the bars play the same in
// virtual time.
#pragma once

#include <functional>
#include <string>

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

// What is asked for, with everything settled.
struct GateTask {
  const GateOptions& options;
  SettledGate settled;
  bool pairs = false;
};

struct JudgedPoint {
  LoadedSides sides;
  GateResult result;
};

// Why nothing is decided by these runs, whatever they say.
std::vector<std::string> Against(const LoadedSides& sides, const GateTask& task);

// By the runs' values. kUsage: there is no such rail.
absl::StatusOr<GateResult> DecideSides(const GateTask& task, const LoadedSides& sides);
// The same, with what is to be said of the runs.
absl::StatusOr<GateResult> JudgeSides(const GateTask& task, const LoadedSides& sides);

struct GateTurns {
  std::function<absl::StatusOr<LoadedRun>(bool candidate)> measure;
  std::function<void(const std::string& line)> looked;  // after each pair; may be null
};

// In turns, A B, B A, A B, so that what drifts favours neither, with a look after each pair; until
// it is decided or cannot be any more, or after settled.runs pairs. Errors of `measure`.
absl::StatusOr<JudgedPoint> JudgeInTurns(const GateTask& task, const std::string& label,
                                         const GateTurns& turns);

}  // namespace synergy
