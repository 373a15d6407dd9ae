#include "client/commands/gate_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

GateSettings SettingsOf(const SweepPlan& plan) {
  const JobFileGate& gate = *plan.file.gate;
  GateSettings settings{
      .max_increase = plan.max_increase, .alpha = gate.alpha, .per_op = gate.per_op};
  if (!gate.metric.empty()) settings.metric = MetricOf(gate.metric);
  if (!gate.rail.empty()) settings.rail = gate.rail;
  return settings;
}

// `fallback`: what a [gate] without the key means.
template <typename T>
absl::Status Take(std::optional<T> GateSettings::*member, const char* key,
                  const std::optional<T>& fallback, const std::vector<GateSettings>& files,
                  GateSettings* settled) {
  if (settled->*member || files.empty()) return absl::OkStatus();
  const auto in = [&](const GateSettings& file) { return file.*member ? file.*member : fallback; };
  settled->*member = in(files.front());
  if (in(files.back()) == settled->*member) return absl::OkStatus();
  return Refuse(
      "the two job files say different things of {0} in [gate]: let them agree, or give --{0}",
      key);
}

absl::Status TakeRuns(const std::vector<const SweepPlan*>& files, GateSettings* settled) {
  if (settled->runs > 0) return absl::OkStatus();
  for (const SweepPlan* file : files) {
    const size_t repetitions = file->file.repetitions.value_or(0);
    if (repetitions == 0) continue;
    if (settled->runs > 0 && settled->runs != repetitions) {
      return Refuse("the two job files have {} and {} repetitions: let them agree, or give --runs",
                    settled->runs, repetitions);
    }
    settled->runs = repetitions;
  }
  return absl::OkStatus();
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

absl::StatusOr<SettledGate> SettleGate(const GateSettings& said,
                                       const std::vector<const SweepPlan*>& files) {
  std::vector<GateSettings> gates;
  for (const SweepPlan* file : files) {
    if (file->file.gate) gates.push_back(SettingsOf(*file));
  }
  // Of two the baseline's is what was agreed on: the candidate does not choose how it is judged.
  if (files.size() == 2 && !files.front()->file.gate && !gates.empty()) {
    PrintNote(
        fmt::format("the [gate] of {} is not used, as {} has none: what the command line "
                    "leaves open has its defaults",
                    files.back()->path, files.front()->path));
    gates.clear();
  }
  GateSettings settings = said;
  const SettledGate unsaid;
  absl::Status status =
      Take<double>(&GateSettings::max_increase, "max-increase", {}, gates, &settings);
  status.Update(Take<double>(&GateSettings::alpha, "alpha", unsaid.rule.alpha, gates, &settings));
  status.Update(Take<Metric>(&GateSettings::metric, "metric", unsaid.metric, gates, &settings));
  // Where the command line asks for times, the files' rail is of something else.
  if (settings.metric != Metric::kTime) {
    status.Update(Take<std::string>(&GateSettings::rail, "rail", {}, gates, &settings));
  }
  status.Update(Take<bool>(&GateSettings::per_op, "per-op", unsaid.per_op, gates, &settings));
  status.Update(TakeRuns(files, &settings));
  if (!status.ok()) return status;
  if (!settings.max_increase) {
    return Refuse(
        "the limit is missing: give --max-increase, as 2%, or max-increase in [gate] of a job "
        "file");
  }
  SettledGate settled{.rule = {.max_increase = *settings.max_increase,
                               .alpha = settings.alpha.value_or(unsaid.rule.alpha)},
                      .metric = settings.metric.value_or(unsaid.metric),
                      .rail = settings.rail.value_or(""),
                      .per_op = settings.per_op.value_or(unsaid.per_op),
                      .runs = settings.runs};
  status = CheckRailOfMetric(settled.metric, settled.rail);
  if (!status.ok()) return status;
  return settled;
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
