#include "client/commands/gate_judgement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/gate_job.h"
#include "client/commands/gate_measurement.h"
#include "client/report/gate_text.h"

namespace synergy {
namespace {

// What a pass or a fail would say nothing of: another change than the one that is gated.
absl::Status CheckDifferences(const std::vector<RunDifference>& differences) {
  for (const RunDifference& difference : differences) {
    if (!difference.compares_otherwise && !difference.what.starts_with("board")) continue;
    return Ending(ExitCode::kUsage,
                  absl::FailedPreconditionError(fmt::format(
                      "the runs cannot be compared: {} differs, {} and {}. --force compares them "
                      "all the same.",
                      difference.what, difference.a, difference.b)));
  }
  return absl::OkStatus();
}

std::vector<std::string> Against(const LoadedSides& sides, const GateOptions& options) {
  std::vector<std::string> against = sides.WithVerdict(v1::VERDICT_INVALID);
  for (std::string& line : sides.Partial()) against.push_back(std::move(line));
  if (options.require_valid) {
    for (std::string& line : sides.WithVerdict(v1::VERDICT_SUSPECT)) {
      against.push_back(std::move(line));
    }
  }
  return against;
}

std::string Numbered(const std::vector<int64_t>& numbers) {
  return fmt::format("{} {}", numbers.size() == 1 ? "run" : "runs", fmt::join(numbers, ", "));
}

std::string Numbers(const std::vector<LoadedRun>& runs) {
  std::vector<int64_t> numbers;
  for (const LoadedRun& run : runs) numbers.push_back(run.run.number);
  return Numbered(numbers);
}

// "SUSPECT, other_processes: runs 1, 2, 4": the codes of SUSPECT runs, a line each.
std::vector<std::string> SuspectCodes(const LoadedSides& sides) {
  std::map<std::string, std::vector<int64_t>> by_code;
  for (const auto* side : {&sides.baseline, &sides.candidate}) {
    for (const LoadedRun& run : *side) {
      if (run.report.verdict != v1::VERDICT_SUSPECT) continue;
      for (const std::string& reason : run.report.reasons) {
        by_code[reason.substr(0, reason.find(':'))].push_back(run.run.number);
      }
    }
  }
  std::vector<std::string> lines;
  for (auto& [code, numbers] : by_code) {
    std::ranges::sort(numbers);
    lines.push_back(fmt::format("SUSPECT, {}: {}", code, Numbered(numbers)));
  }
  return lines;
}

std::vector<std::string> Notes(const LoadedSides& sides, const GateOptions& options,
                               const std::vector<RunDifference>& differences) {
  std::vector<std::string> notes = {fmt::format("baseline {}: {}; candidate {}: {}",
                                                options.baseline, Numbers(sides.baseline),
                                                options.candidate, Numbers(sides.candidate))};
  for (const RunDifference& difference : differences) {
    notes.push_back(fmt::format("{} differs: {}, {}", difference.what, difference.a, difference.b));
  }
  for (std::string& line : SuspectCodes(sides)) notes.push_back(std::move(line));
  return notes;
}

// In the order in which they were measured.
void SortByTime(std::vector<LoadedRun>* runs) {
  std::ranges::stable_sort(*runs, {}, [](const LoadedRun& run) { return run.run.time_unix_ns(); });
}

absl::StatusOr<std::string> RailOf(const GateOptions& options, const RunReport& report) {
  if (options.what.metric == Metric::kTime) return std::string();
  const absl::StatusOr<std::vector<std::string>> rails = RailsFor(report, options.what.rail);
  if (!rails.ok()) return rails.status();
  if (!options.what.rail.empty()) return options.what.rail;
  return report.rails()[report.top_rail().value_or(0)];
}

absl::StatusOr<GateResult> Judge(const GateOptions& options, const LoadedSides& sides) {
  const absl::StatusOr<std::string> rail = RailOf(options, sides.baseline.front().report);
  if (!rail.ok()) return rail.status();
  const ComparedRuns runs = sides.runs();
  const std::vector<std::string> against = Against(sides, options);
  const Metric metric = options.what.metric;
  GateResult result = options.pairs
                          ? JudgePairs(runs, *rail, metric, options.rule, options.per_op, against)
                          : JudgeGate(CompareRuns(runs, *rail, metric, options.what.between_run),
                                      runs, options.rule, options.per_op, against);
  result.notes = Notes(sides, options, sides.Differences());
  result.simulated = sides.Simulated();
  return result;
}

absl::Status Comparable(const GateOptions& options, const LoadedSides& sides) {
  return options.force ? absl::OkStatus() : CheckDifferences(sides.Differences());
}

absl::StatusOr<JudgedGate> JudgeStored(const GateOptions& options) {
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenStoredRuns(options.store);
  if (!store.ok()) return store.status();
  absl::StatusOr<LoadedSides> sides =
      LoadSides(**store, options.baseline, options.candidate, options.what.metric);
  if (!sides.ok()) return sides.status();
  SortByTime(&sides->baseline);
  SortByTime(&sides->candidate);
  if (absl::Status status = Comparable(options, *sides); !status.ok()) return status;
  absl::StatusOr<GateResult> result = Judge(options, *sides);
  if (!result.ok()) return result.status();
  return JudgedGate{*std::move(sides), *std::move(result)};
}

// Before anything is measured.
absl::StatusOr<GateSide*> Prepare(const GateOptions& options, const std::string& path,
                                  GateMeasurement& measurement) {
  absl::StatusOr<GateSide*> side = measurement.Prepare(path);
  if (!side.ok() || options.what.metric == Metric::kTime) return side;
  std::vector<std::string> rails;
  for (const v1::RailInfo& rail : (*side)->link->board().rails()) rails.push_back(rail.name());
  const absl::Status known = CheckRail(rails, options.what.rail);
  if (!known.ok()) return known;
  return side;
}

// Two job files, in turns: A B, B A, A B, so that what drifts favours neither.
absl::StatusOr<JudgedGate> JudgeInTurns(GateOptions options, GateMeasurement& measurement) {
  options.pairs = true;
  const absl::StatusOr<GateSide*> a = Prepare(options, options.baseline, measurement);
  if (!a.ok()) return a.status();
  const absl::StatusOr<GateSide*> b = Prepare(options, options.candidate, measurement);
  if (!b.ok()) return b.status();
  const size_t most = options.runs == 0 ? kGatePairs : options.runs;
  JudgedGate judged;
  for (size_t pair = 1; pair <= most; ++pair) {
    for (const bool candidate : {pair % 2 == 0, pair % 2 == 1}) {
      absl::StatusOr<LoadedRun> run =
          measurement.Measure(candidate ? **b : **a, options.what.metric);
      if (!run.ok()) return run.status();
      (candidate ? judged.sides.candidate : judged.sides.baseline).push_back(*std::move(run));
    }
    absl::StatusOr<GateResult> result = Judge(options, judged.sides);
    if (!result.ok()) return result.status();
    judged.result = *std::move(result);
    PrintNote(fmt::format("pair {} of at most {}: {}", pair, most, GateLine(judged.result)));
    if (judged.result.decision != GateDecision::kInconclusive || !judged.result.against.empty()) {
      break;
    }
  }
  return judged;
}

// A job file beside stored runs, which were measured at another time: as many runs as are asked
// for, and one look at them.
absl::StatusOr<JudgedGate> JudgeBesideStored(const GateOptions& options,
                                             GateMeasurement& measurement) {
  const bool measures_candidate = IsJobFile(options.candidate);
  JudgedGate judged;
  LoadedSides& sides = judged.sides;
  absl::StatusOr<std::vector<LoadedRun>> stored =
      LoadSide(measurement.store(), measures_candidate ? options.baseline : options.candidate,
               options.what.metric);
  if (!stored.ok()) return stored.status();
  (measures_candidate ? sides.baseline : sides.candidate) = *std::move(stored);
  const absl::StatusOr<GateSide*> side =
      Prepare(options, measures_candidate ? options.candidate : options.baseline, measurement);
  if (!side.ok()) return side.status();
  const size_t runs = options.runs == 0 ? kGateRuns : options.runs;
  for (size_t i = 0; i < runs; ++i) {
    absl::StatusOr<LoadedRun> run = measurement.Measure(**side, options.what.metric);
    if (!run.ok()) return run.status();
    (measures_candidate ? sides.candidate : sides.baseline).push_back(*std::move(run));
    if (absl::Status status = Comparable(options, sides); !status.ok()) return status;
    if (!Against(sides, options).empty()) break;
  }
  if (absl::Status status = LoadOthers(measurement.store(), options.what.metric, &sides);
      !status.ok())
    return status;
  absl::StatusOr<GateResult> result = Judge(options, sides);
  if (!result.ok()) return result.status();
  judged.result = *std::move(result);
  return judged;
}

absl::Status CheckOptions(const GateOptions& options) {
  const bool a = IsJobFile(options.baseline), b = IsJobFile(options.candidate);
  const auto wrong = [](const char* text) {
    return Ending(ExitCode::kUsage, absl::InvalidArgumentError(text));
  };
  if (!a && !b && options.runs > 0)
    return wrong("--runs is of job files: nothing is measured here");
  if (!a && !b && !options.host.empty()) {
    return wrong("--host is of job files: nothing is measured here");
  }
  if (a != b && options.pairs) {
    return wrong("--pairs needs runs that were measured in turns: two job files are");
  }
  // Both, before a board is asked.
  for (const std::string& given : {options.baseline, options.candidate}) {
    if (!IsJobFile(given)) continue;
    if (absl::Status status = ReadGateJob(given).status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<JudgedGate> JudgeGiven(const GateOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  const bool a = IsJobFile(options.baseline), b = IsJobFile(options.candidate);
  if (!a && !b) return JudgeStored(options);
  const absl::StatusOr<std::unique_ptr<GateMeasurement>> measurement =
      GateMeasurement::Start(options.store, options.host);
  if (!measurement.ok()) return measurement.status();
  return a && b ? JudgeInTurns(options, **measurement) : JudgeBesideStored(options, **measurement);
}

}  // namespace synergy
