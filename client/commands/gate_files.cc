#include "client/commands/gate_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/analysis/paired_sequence.h"
#include "client/commands/compared_runs.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"

namespace synergy {
namespace {

template <typename... T>
absl::Status Refuse(fmt::format_string<T...> format, T&&... args) {
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format(format, std::forward<T>(args)...)));
}

// What a file says of how to judge: nothing where there is none, or no [gate] in it.
GateSettings SettingsOf(const SweepPlan* plan) {
  if (plan == nullptr || !plan->file.gate) return {};
  const JobFileGate& gate = *plan->file.gate;
  GateSettings settings{
      .max_increase = plan->max_increase, .alpha = gate.alpha, .per_op = gate.per_op};
  if (!gate.metric.empty()) settings.metric = MetricOf(gate.metric);
  if (!gate.rail.empty()) settings.rail = gate.rail;
  return settings;
}

size_t RepetitionsOf(const SweepPlan* plan) {
  return plan == nullptr ? 0 : plan->file.repetitions.value_or(0);
}

// The candidate does not choose how it is judged.
void NoteWhatIsNotUsed(const GatePlans& plans) {
  const auto note = [&](const char* what, const char* are) {
    PrintNote(
        fmt::format("the {} of {} {} not used: the command line and the baseline's job file "
                    "say how a candidate is judged",
                    what, plans.candidate->path, are));
  };
  const GateSettings own = SettingsOf(plans.candidate);
  if (own != GateSettings() && own != SettingsOf(plans.baseline)) note("[gate]", "is");
  const size_t repetitions = RepetitionsOf(plans.candidate);
  if (repetitions > 0 && repetitions != RepetitionsOf(plans.baseline)) note("repetitions", "are");
}

// A gate judges and shows in its own way, and brings nothing but records.
void NoteKeysOfSubmit(const SweepPlan* plan) {
  std::set<std::string> keys;
  for (const std::string& argument :
       plan == nullptr ? std::vector<std::string>() : plan->file.arguments) {
    keys.insert(argument.substr(2, argument.find('=') - 2));
  }
  keys.erase("require-valid");
  if (keys.empty()) return;
  PrintNote(fmt::format("{}: a gate does not use {}", plan->path, fmt::join(keys, ", ")));
}

std::vector<const PlannedJob*> PointsOf(const SweepPlan& plan) {
  std::vector<const PlannedJob*> points;
  for (uint32_t point = 0; point < plan.file.points; ++point) points.push_back(&plan.Point(point));
  return points;
}

absl::Status CheckPair(const SweepPlan& baseline, const SweepPlan& candidate, uint32_t point,
                       const std::vector<const PlannedJob*>& candidates) {
  const PlannedJob &a = baseline.Point(point), &b = candidate.Point(point);
  const bool elsewhere =
      a.net != b.net && std::ranges::find(candidates, a.net, &PlannedJob::net) != candidates.end();
  if (a.axes == b.axes && !elsewhere) return absl::OkStatus();
  return Refuse(
      "the job files have other points: point {} is '{}' in {} and '{}' in {}. Both need the same "
      "axes and networks in the same order; only networks may be others",
      point + 1, a.label(), baseline.path, b.label(), candidate.path);
}

}  // namespace

absl::StatusOr<SettledGate> SettleGate(const GateSettings& said, const GatePlans& plans) {
  NoteWhatIsNotUsed(plans);
  NoteKeysOfSubmit(plans.baseline);
  NoteKeysOfSubmit(plans.candidate);
  const GateSettings agreed = SettingsOf(plans.baseline);
  const std::optional<double> limit = said.max_increase ? said.max_increase : agreed.max_increase;
  if (!limit) {
    return Refuse(
        "the limit is missing: give --max-increase, as 2%, or max-increase in [gate] of the "
        "baseline's job file");
  }
  const SettledGate unsaid;
  SettledGate settled{
      .rule = {.max_increase = *limit,
               .alpha = said.alpha.value_or(agreed.alpha.value_or(unsaid.rule.alpha))},
      .metric = said.metric.value_or(agreed.metric.value_or(unsaid.metric)),
      .rail = said.rail.value_or(""),
      .per_op = said.per_op.value_or(agreed.per_op.value_or(unsaid.per_op)),
      .require_valid = plans.baseline != nullptr && plans.baseline->result.require_valid,
      .runs = said.runs > 0 ? said.runs : RepetitionsOf(plans.baseline)};
  // Where the command line asks for times, the file's rail is of something else.
  if (!said.rail && said.metric != Metric::kTime) settled.rail = agreed.rail.value_or("");
  const absl::Status status = CheckRailOfMetric(settled.metric, settled.rail);
  if (!status.ok()) return status;
  return settled;
}

absl::Status CheckRuns(const SettledGate& settled, size_t points) {
  GateRule rule = settled.rule;
  rule.points = points;
  const uint64_t least = PairedSequence::LeastPairs(rule.point_alpha());
  if (settled.runs == 0 || settled.runs >= least) return absl::OkStatus();
  return Refuse(
      "{} pairs of runs can decide nothing at --alpha {:g}%{}: give --runs {} or more, or as many "
      "repetitions in the baseline's job file",
      settled.runs, 100 * rule.alpha, points > 1 ? fmt::format(" over {} points", points) : "",
      least);
}

absl::StatusOr<std::vector<GatePoint>> PairPoints(const SweepPlan& baseline,
                                                  const SweepPlan& candidate) {
  const uint32_t count = candidate.file.points;
  if (baseline.file.points != count) {
    return Refuse("the job files have other points: {} has {}, {} has {}", baseline.path,
                  baseline.file.points, candidate.path, count);
  }
  if (count == 1) {
    return std::vector<GatePoint>{{"", baseline.OptionsOf(0), candidate.OptionsOf(0)}};
  }
  const std::vector<const PlannedJob*> candidates = PointsOf(candidate);
  std::vector<GatePoint> points;
  for (uint32_t point = 0; point < count; ++point) {
    const absl::Status paired = CheckPair(baseline, candidate, point, candidates);
    if (!paired.ok()) return paired;
    points.push_back(
        {candidates[point]->label(), baseline.OptionsOf(point), candidate.OptionsOf(point)});
  }
  return points;
}

}  // namespace synergy
