#include "client/commands/gate_judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/gate_measurement.h"

namespace synergy {
namespace {

// What a pass or a fail would say nothing of: another change than the one that is gated.
absl::Status Incomparable(std::string_view what, std::string_view a, std::string_view b) {
  return Ending(ExitCode::kUsage,
                absl::FailedPreconditionError(fmt::format(
                    "the runs cannot be compared: {} differs, {} and {}. --force compares them all "
                    "the same.",
                    what, a, b)));
}

absl::Status CheckDifferences(const std::vector<RunDifference>& differences) {
  for (const RunDifference& difference : differences) {
    if (!difference.compares_otherwise && !difference.what.starts_with("board")) continue;
    return Incomparable(difference.what, difference.a, difference.b);
  }
  return absl::OkStatus();
}

// In the order in which they were measured.
void SortByTime(std::vector<LoadedRun>* runs) {
  std::ranges::stable_sort(*runs, {}, [](const LoadedRun& run) { return run.run.time_unix_ns(); });
}

// Judges it as the only point.
absl::StatusOr<JudgedGate> JudgeOne(const GateTask& task, LoadedSides sides) {
  absl::StatusOr<GateResult> result = JudgeSides(task, sides);
  if (!result.ok()) return result.status();
  JudgedGate judged;
  judged.push_back({std::move(sides), *std::move(result)});
  return judged;
}

absl::Status Comparable(const GateOptions& options, const LoadedSides& sides) {
  return options.force ? absl::OkStatus() : CheckDifferences(sides.Differences());
}

absl::StatusOr<JudgedGate> JudgeStored(const GateTask& task) {
  const GateOptions& options = task.options;
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenStoredRuns(options.store);
  if (!store.ok()) return store.status();
  absl::StatusOr<LoadedSides> sides =
      LoadSides(**store, options.baseline, options.candidate, task.settled.metric);
  if (!sides.ok()) return sides.status();
  const size_t a = sides->baseline.size(), b = sides->candidate.size();
  if (task.pairs && a != b) {
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(fmt::format(
                      "--pairs: '{}' has {} and '{}' has {} runs: pairs need as many of each.",
                      options.baseline, a, options.candidate, b)));
  }
  SortByTime(&sides->baseline);
  SortByTime(&sides->candidate);
  if (absl::Status status = Comparable(options, *sides); !status.ok()) return status;
  return JudgeOne(task, *std::move(sides));
}

// Before anything is measured.
absl::StatusOr<GateSide> Prepare(const GateTask& task, const std::string& path,
                                 const MeasureOptions& options, GateMeasurement& measurement) {
  absl::StatusOr<GateSide> side = measurement.Prepare(path, options);
  if (!side.ok() || task.settled.metric == Metric::kTime) return side;
  std::vector<std::string> rails;
  for (const v1::RailInfo& rail : side->link->board().rails()) rails.push_back(rail.name());
  const absl::Status known = CheckRail(rails, task.settled.rail);
  if (!known.ok()) return known;
  return side;
}

struct GateSides {
  GateSide baseline, candidate;
};

// Likewise; whether their runs can be compared is known by then.
absl::StatusOr<GateSides> PrepareBoth(const GateTask& task, const GatePoint& point,
                                      GateMeasurement& measurement) {
  absl::StatusOr<GateSide> a = Prepare(task, task.options.baseline, point.baseline, measurement);
  if (!a.ok()) return a.status();
  absl::StatusOr<GateSide> b = Prepare(task, task.options.candidate, point.candidate, measurement);
  if (!b.ok()) return b.status();
  const std::string &net_a = a->job.loaded.model.name, &net_b = b->job.loaded.model.name;
  const uint32_t batch_a = a->job.loaded.batch, batch_b = b->job.loaded.batch;
  if (!task.options.force && net_a != net_b) return Incomparable("network", net_a, net_b);
  if (!task.options.force && batch_a != batch_b) {
    return Incomparable("batch", fmt::to_string(batch_a), fmt::to_string(batch_b));
  }
  return GateSides{*std::move(a), *std::move(b)};
}

absl::StatusOr<JudgedPoint> MeasureInTurns(const GateTask& task, const GatePoint& point,
                                           GateMeasurement& measurement) {
  const absl::StatusOr<GateSides> sides = PrepareBoth(task, point, measurement);
  if (!sides.ok()) return sides.status();
  return JudgeInTurns(task, point.label,
                      {.measure =
                           [&](bool candidate) {
                             return measurement.Measure(
                                 candidate ? sides->candidate : sides->baseline,
                                 task.settled.metric);
                           },
                       .looked = PrintNote});
}

absl::StatusOr<JudgedGate> JudgePoints(GateTask task, const std::vector<GatePoint>& points,
                                       GateMeasurement& measurement) {
  task.pairs = true;
  task.settled.rule.points = points.size();
  // What the board would refuse of the last point is said now. Networks are large, so none is kept.
  for (const GatePoint& point : points) {
    if (points.size() == 1) break;
    const absl::Status good = PrepareBoth(task, point, measurement).status();
    if (good.ok()) continue;
    return Ending(
        ExitCodeOf(good),
        absl::Status(good.code(), fmt::format("{}: {}", point.label, std::string(good.message()))));
  }
  JudgedGate judged;
  for (const GatePoint& point : points) {
    absl::StatusOr<JudgedPoint> one = MeasureInTurns(task, point, measurement);
    if (!one.ok()) return one.status();
    judged.push_back(*std::move(one));
    if (judged.back().result.decision == GateDecision::kFail) break;
  }
  const GateResult last = judged.back().result;
  for (size_t i = judged.size(); i < points.size(); ++i) {
    judged.push_back({.sides = {}, .result = NotMeasured(last, points[i].label)});
  }
  return judged;
}

// A job file beside stored runs, which were measured at another time: as many runs as are asked
// for, and one look at them.
absl::StatusOr<JudgedGate> JudgeBesideStored(const GateTask& task, const SweepPlan& plan,
                                             GateMeasurement& measurement) {
  const GateOptions& options = task.options;
  const bool measures_candidate = IsJobFile(options.candidate);
  LoadedSides sides;
  absl::StatusOr<std::vector<LoadedRun>> stored =
      LoadSide(measurement.store(), measures_candidate ? options.baseline : options.candidate,
               task.settled.metric);
  if (!stored.ok()) return stored.status();
  (measures_candidate ? sides.baseline : sides.candidate) = *std::move(stored);
  const absl::StatusOr<GateSide> side = Prepare(task, plan.path, plan.OptionsOf(0), measurement);
  if (!side.ok()) return side.status();
  const size_t runs = task.settled.runs == 0 ? kGateRuns : task.settled.runs;
  for (size_t i = 0; i < runs; ++i) {
    absl::StatusOr<LoadedRun> run = measurement.Measure(*side, task.settled.metric);
    if (!run.ok()) return run.status();
    (measures_candidate ? sides.candidate : sides.baseline).push_back(*std::move(run));
    if (absl::Status status = Comparable(options, sides); !status.ok()) return status;
    if (!Against(sides, task).empty()) break;
  }
  if (absl::Status status = LoadOthers(measurement.store(), task.settled.metric, &sides);
      !status.ok())
    return status;
  return JudgeOne(task, std::move(sides));
}

absl::Status CheckOptions(const GateOptions& options, const std::vector<SweepPlan>& plans) {
  const auto wrong = [](const std::string& text) {
    return Ending(ExitCode::kUsage, absl::InvalidArgumentError(text));
  };
  if (plans.empty() && options.said.runs > 0) {
    return wrong("--runs is of job files: nothing is measured here");
  }
  if (plans.empty() && !options.host.empty()) {
    return wrong("--host is of job files: nothing is measured here");
  }
  if (plans.size() == 1 && options.pairs) {
    return wrong("--pairs needs runs that were measured in turns: two job files are");
  }
  if (plans.size() == 1 && plans[0].file.points > 1) {
    return wrong(fmt::format(
        "{} has {} points, and stored runs stand for one: give two job files, or one of one point",
        plans[0].path, plans[0].file.points));
  }
  return absl::OkStatus();
}

// Those that are given, the baseline's first.
absl::StatusOr<std::vector<SweepPlan>> ReadPlans(const GateOptions& options) {
  std::vector<SweepPlan> plans;
  for (const std::string& given : {options.baseline, options.candidate}) {
    if (!IsJobFile(given)) continue;
    absl::StatusOr<SweepPlan> plan = ReadSweepPlan(given);
    if (!plan.ok()) return plan.status();
    plans.push_back(*std::move(plan));
  }
  return plans;
}

}  // namespace

absl::StatusOr<JudgedGate> JudgeGiven(const GateOptions& options) {
  const absl::StatusOr<std::vector<SweepPlan>> plans = ReadPlans(options);
  if (!plans.ok()) return plans.status();
  if (absl::Status status = CheckOptions(options, *plans); !status.ok()) return status;
  const absl::StatusOr<SettledGate> settled = SettleGate(
      options.said, {.baseline = IsJobFile(options.baseline) ? &plans->front() : nullptr,
                     .candidate = IsJobFile(options.candidate) ? &plans->back() : nullptr});
  if (!settled.ok()) return settled.status();
  const GateTask task{options, *settled, options.pairs};
  if (plans->empty()) return JudgeStored(task);
  absl::StatusOr<std::vector<GatePoint>> points = std::vector<GatePoint>();
  if (plans->size() == 2) points = PairPoints(plans->front(), plans->back());
  if (!points.ok()) return points.status();
  if (plans->size() == 2) {
    if (absl::Status enough = CheckRuns(*settled, points->size()); !enough.ok()) return enough;
  }
  const absl::StatusOr<std::unique_ptr<GateMeasurement>> measurement =
      GateMeasurement::Start(options.store, options.host);
  if (!measurement.ok()) return measurement.status();
  if (plans->size() == 2) return JudgePoints(task, *points, **measurement);
  return JudgeBesideStored(task, plans->front(), **measurement);
}

}  // namespace synergy
