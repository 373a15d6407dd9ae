// What a gate takes from job files: what it is to decide, and the points that it measures.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/analysis/gate.h"
#include "client/commands/sweep_plan.h"

namespace synergy {

// What the command line says; what it leaves open the baseline's file may say.
struct GateSettings {
  std::optional<double> max_increase = {}, alpha = {};  // shares
  std::optional<Metric> metric = {};
  std::optional<std::string> rail = {};
  std::optional<bool> per_op = {};
  size_t runs = 0;  // of a job file, at most; 0: not said

  bool operator==(const GateSettings&) const = default;
};

// Null: stored runs.
struct GatePlans {
  const SweepPlan* baseline = nullptr;
  const SweepPlan* candidate = nullptr;
};

struct SettledGate {
  GateRule rule;
  Metric metric = Metric::kEnergy;
  std::string rail = {};
  bool per_op = false;
  bool require_valid = false;  // of the baseline's file
  size_t runs = 0;             // 0: nobody says it
};

// The command line, then [gate] and `repetitions` of the baseline's file. Of the candidate's they
// are not used, which a note says where they are others. kUsage: no limit at all; a rail for times.
absl::StatusOr<SettledGate> SettleGate(const GateSettings& said, const GatePlans& plans);

// kUsage where so few pairs of each point can decide nothing, with how many could. Of two job
// files.
absl::Status CheckRuns(const SettledGate& settled, size_t points);

// A point of a matrix, on both sides.
struct GatePoint {
  std::string label;  // the candidate's; "" of files with one point
  MeasureOptions baseline, candidate;
};

// Points are paired in their order. Of several, the pairs agree in every axis but `net`. kUsage
// where they do not, or where both files have the same networks in another order.
absl::StatusOr<std::vector<GatePoint>> PairPoints(const SweepPlan& baseline,
                                                  const SweepPlan& candidate);

}  // namespace synergy
