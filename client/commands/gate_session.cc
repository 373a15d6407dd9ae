#include "client/commands/gate_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "client/analysis/whole_rails.h"
#include "client/report/gate_text.h"

namespace synergy {
namespace {

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
  std::map<std::string, std::set<int64_t>> by_code;  // a code may be said of several rails
  for (const auto* side : {&sides.baseline, &sides.candidate}) {
    for (const LoadedRun& run : *side) {
      if (run.report.verdict != v1::VERDICT_SUSPECT) continue;
      for (const std::string& reason : run.report.reasons) {
        by_code[reason.substr(0, reason.find(':'))].insert(run.run.number);
      }
    }
  }
  std::vector<std::string> lines;
  for (const auto& [code, numbers] : by_code) {
    lines.push_back(fmt::format("SUSPECT, {}: {}", code,
                                Numbered(std::vector<int64_t>(numbers.begin(), numbers.end()))));
  }
  return lines;
}

void AddNotes(const GateTask& task, const LoadedSides& sides, GateResult* result) {
  const auto add = [result](std::string note) { result->notes.push_back(std::move(note)); };
  add(fmt::format("baseline {}: {}; candidate {}: {}", task.options.baseline,
                  Numbers(sides.baseline), task.options.candidate, Numbers(sides.candidate)));
  for (const RunDifference& difference : sides.Differences()) {
    add(fmt::format("{} differs: {}, {}", difference.what, difference.a, difference.b));
  }
  for (std::string& line : SuspectCodes(sides)) add(std::move(line));
  const std::string none = NoWholeRailText(sides.baseline.front().report);
  if (!none.empty() && task.settled.rail.empty() && task.settled.metric != Metric::kTime) {
    add(none + " and decides alone; --rail says another");
  }
}

absl::StatusOr<std::string> RailOf(const SettledGate& settled, const RunReport& report) {
  if (settled.metric == Metric::kTime) return std::string();
  const absl::StatusOr<std::vector<std::string>> rails = RailsFor(report, settled.rail);
  if (!rails.ok()) return rails.status();
  if (!settled.rail.empty()) return settled.rail;
  return report.rails()[report.top_rail().value_or(0)];
}

}  // namespace

std::vector<std::string> Against(const LoadedSides& sides, const GateTask& task) {
  std::vector<std::string> against = sides.WithVerdict(v1::VERDICT_INVALID);
  for (std::string& line : sides.Partial()) against.push_back(std::move(line));
  if (task.options.require_valid || task.settled.require_valid) {
    for (std::string& line : sides.WithVerdict(v1::VERDICT_SUSPECT)) {
      against.push_back(std::move(line));
    }
  }
  return against;
}

absl::StatusOr<GateResult> DecideSides(const GateTask& task, const LoadedSides& sides) {
  const SettledGate& settled = task.settled;
  const absl::StatusOr<std::string> rail = RailOf(settled, sides.baseline.front().report);
  if (!rail.ok()) return rail.status();
  const ComparedRuns runs = sides.runs();
  const std::vector<std::string> against = Against(sides, task);
  const Metric metric = settled.metric;
  GateResult result = task.pairs
                          ? JudgePairs(runs, *rail, metric, settled.rule, settled.per_op, against)
                          : JudgeGate(CompareRuns(runs, *rail, metric, task.options.between_run),
                                      runs, settled.rule, settled.per_op, against);
  result.simulated = sides.Simulated();
  return result;
}

absl::StatusOr<GateResult> JudgeSides(const GateTask& task, const LoadedSides& sides) {
  absl::StatusOr<GateResult> result = DecideSides(task, sides);
  if (result.ok()) AddNotes(task, sides, &*result);
  return result;
}

absl::StatusOr<JudgedPoint> JudgeInTurns(const GateTask& task, const std::string& label,
                                         const GateTurns& turns) {
  const size_t most = task.settled.runs == 0 ? kGatePairs : task.settled.runs;
  JudgedPoint judged;
  for (size_t pair = 1; pair <= most; ++pair) {
    for (const bool candidate : {pair % 2 == 0, pair % 2 == 1}) {
      absl::StatusOr<LoadedRun> run = turns.measure(candidate);
      if (!run.ok()) return run.status();
      (candidate ? judged.sides.candidate : judged.sides.baseline).push_back(*std::move(run));
    }
    absl::StatusOr<GateResult> result = DecideSides(task, judged.sides);
    if (!result.ok()) return result.status();
    judged.result = *std::move(result);
    judged.result.point = label;
    if (turns.looked) {
      turns.looked(fmt::format("pair {} of at most {}: {}", pair, most, GateLine(judged.result)));
    }
    if (judged.result.decision != GateDecision::kInconclusive || !judged.result.against.empty()) {
      break;
    }
  }
  AddNotes(task, judged.sides, &judged.result);
  return judged;
}

}  // namespace synergy
