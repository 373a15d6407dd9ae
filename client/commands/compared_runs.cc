#include "client/commands/compared_runs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "client/analysis/report_names.h"
#include "client/analysis/simulated_notice.h"
#include "client/commands/exit_code.h"
#include "client/commands/presentation.h"
#include "client/commands/run_resolution.h"
#include "client/commands/stored_report.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

// Each is solved anew, which takes a second or so.
constexpr size_t kMostOthers = 8;

std::vector<const RunReport*> ReportsOf(const std::vector<LoadedRun>& runs) {
  std::vector<const RunReport*> reports;
  for (const LoadedRun& run : runs) reports.push_back(&run.report);
  return reports;
}

absl::StatusOr<std::vector<LoadedRun>> Load(Store& store, const std::vector<StoredRun>& runs,
                                            Metric metric) {
  std::vector<LoadedRun> loaded;
  for (const StoredRun& run : runs) {
    absl::StatusOr<RunReport> report = LoadReport(store, run, MethodFor(metric));
    if (!report.ok()) return report.status();
    loaded.push_back({run, *std::move(report)});
  }
  return loaded;
}

bool Has(const std::vector<LoadedRun>& runs, int64_t number) {
  return std::ranges::any_of(runs, [&](const LoadedRun& run) { return run.run.number == number; });
}

// Those of `rails` that are among `others`, and those that are not.
std::pair<std::vector<std::string>, std::vector<std::string>> Split(
    const std::vector<std::string>& rails, const std::vector<std::string>& others) {
  std::pair<std::vector<std::string>, std::vector<std::string>> split;
  for (const std::string& rail : rails) {
    const bool has = std::ranges::find(others, rail) != others.end();
    (has ? split.first : split.second).push_back(rail);
  }
  return split;
}

}  // namespace

absl::StatusOr<std::vector<StoredRun>> ResolveRuns(const std::vector<StoredRun>& runs,
                                                   const std::string& text) {
  std::vector<StoredRun> tagged = RunsWithTag(runs, text);
  if (!tagged.empty()) return tagged;
  absl::StatusOr<StoredRun> run = ResolveRun(runs, text);
  if (!run.ok()) return Ending(ExitCode::kUsage, run.status());
  return std::vector<StoredRun>{*std::move(run)};
}

ComparedRuns LoadedSides::runs() const {
  return {.baseline = ReportsOf(baseline),
          .candidate = ReportsOf(candidate),
          .others = ReportsOf(others)};
}

std::vector<std::string> LoadedSides::WithVerdict(v1::Verdict verdict) const {
  std::vector<std::string> lines;
  for (const auto* side : {&baseline, &candidate}) {
    for (const LoadedRun& run : *side) {
      if (run.report.verdict != verdict) continue;
      lines.push_back(fmt::format("run {} is {}: {}", run.run.number, VerdictName(verdict),
                                  fmt::join(run.report.reasons, "; ")));
    }
  }
  return lines;
}

std::vector<std::string> LoadedSides::Partial() const {
  std::vector<std::string> lines;
  for (const auto* side : {&baseline, &candidate}) {
    for (const LoadedRun& run : *side) {
      const absl::Status whole = Completeness(run.run, run.report);
      if (!whole.ok()) lines.push_back(std::string(whole.message()));
    }
  }
  return lines;
}

std::vector<RunDifference> LoadedSides::Differences() const {
  std::vector<RunDifference> differences =
      DifferencesOf(baseline.front().report, candidate.front().report);
  for (const auto* side : {&baseline, &candidate}) {
    for (const LoadedRun& run : *side) {
      for (RunDifference& more : DifferencesOf(side->front().report, run.report)) {
        more.what +=
            fmt::format(" (runs {} and {} of one side)", side->front().run.number, run.run.number);
        differences.push_back(std::move(more));
      }
    }
  }
  return differences;
}

std::vector<std::string> LoadedSides::Common(const std::vector<std::string>& rails) const {
  std::vector<std::string> common = rails;
  for (const auto* side : {&baseline, &candidate}) {
    for (const LoadedRun& run : *side) common = Split(common, run.report.rails()).first;
  }
  return common;
}

std::vector<std::string> LoadedSides::WithoutRails(const std::vector<std::string>& rails) const {
  std::vector<std::string> lines;
  for (const auto* side : {&baseline, &candidate}) {
    for (const LoadedRun& run : *side) {
      const std::vector<std::string> lacking = Split(rails, run.report.rails()).second;
      if (lacking.empty()) continue;
      lines.push_back(fmt::format("run {} has no rail {}; it has {}", run.run.number,
                                  fmt::join(lacking, ", "), fmt::join(run.report.rails(), ", ")));
    }
  }
  if (lines.empty()) return lines;
  const std::vector<std::string> common = Common(baseline.front().report.rails());
  if (common.empty()) {
    lines.emplace_back("no rail is one of all these runs: --metric time needs none");
  } else {
    lines.push_back(
        fmt::format("rails of all these runs, for --rail: {}", fmt::join(common, ", ")));
  }
  return lines;
}

std::string LoadedSides::Simulated() const {
  for (const auto* side : {&baseline, &candidate}) {
    for (const LoadedRun& run : *side) {
      const std::string notice = SimulatedNotice(run.report.header.board());
      if (!notice.empty()) return notice;
    }
  }
  return "";
}

absl::StatusOr<std::unique_ptr<Store>> OpenStoredRuns(const std::string& store_option) {
  const absl::StatusOr<std::string> path = StorePath(store_option, /*create_folder=*/false);
  if (!path.ok()) return path.status();
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kRead);
  if (absl::IsNotFound(store.status())) return Ending(ExitCode::kUsage, store.status());
  return store;
}

std::string MethodFor(Metric metric) {
  return std::string(metric == Metric::kTime ? kMethodIntegrate : kMethodLeastSquares);
}

absl::StatusOr<std::vector<LoadedRun>> LoadSide(Store& store, const std::string& text,
                                                Metric metric) {
  const absl::StatusOr<std::vector<StoredRun>> stored = store.Runs();
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<std::vector<StoredRun>> runs = ResolveRuns(*stored, text);
  if (!runs.ok()) return runs.status();
  return Load(store, *runs, metric);
}

absl::Status LoadOthers(Store& store, Metric metric, LoadedSides* sides) {
  if (!sides->runs().needs_others()) return absl::OkStatus();
  const absl::StatusOr<std::vector<StoredRun>> stored = store.Runs();
  if (!stored.ok()) return stored.status();
  const LoadedRun& first = sides->baseline.front();
  for (size_t i = stored->size(); i-- > 0 && sides->others.size() < kMostOthers;) {
    const StoredRun& run = (*stored)[i];
    if (!run.complete || run.board_id != first.run.board_id || run.net != first.run.net ||
        run.engine != first.run.engine || run.number == first.run.number ||
        Has(sides->candidate, run.number)) {
      continue;
    }
    absl::StatusOr<RunReport> report = LoadReport(store, run, MethodFor(metric));
    // What cannot be read is no help, and no harm.
    if (!report.ok() || report->partial || report->verdict == v1::VERDICT_INVALID) continue;
    if (DifferencesOf(first.report, *report).empty()) {
      sides->others.push_back({run, *std::move(report)});
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadedSides> LoadSides(Store& store, const std::string& baseline,
                                      const std::string& candidate, Metric metric) {
  const absl::StatusOr<std::vector<StoredRun>> stored = store.Runs();
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<std::vector<StoredRun>> a = ResolveRuns(*stored, baseline);
  if (!a.ok()) return a.status();
  const absl::StatusOr<std::vector<StoredRun>> b = ResolveRuns(*stored, candidate);
  if (!b.ok()) return b.status();
  for (const StoredRun& run : *b) {
    if (std::ranges::find(*a, run.number, &StoredRun::number) == a->end()) continue;
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(fmt::format(
                      "run {} is in both '{}' and '{}': a run cannot be compared with itself.",
                      run.number, baseline, candidate)));
  }
  LoadedSides sides;
  for (const auto& [runs, side] : {std::pair(&*a, &sides.baseline), {&*b, &sides.candidate}}) {
    absl::StatusOr<std::vector<LoadedRun>> loaded = Load(store, *runs, metric);
    if (!loaded.ok()) return loaded.status();
    *side = *std::move(loaded);
  }
  if (absl::Status status = LoadOthers(store, metric, &sides); !status.ok()) return status;
  return sides;
}

absl::Status CheckRailOfMetric(Metric metric, const std::string& rail) {
  if (metric != Metric::kTime || rail.empty()) return absl::OkStatus();
  return Ending(
      ExitCode::kUsage,
      absl::InvalidArgumentError(fmt::format(
          "--rail {}: times are of no rail; leave it out, or choose another --metric", rail)));
}

absl::Status CheckRail(const std::vector<std::string>& rails, const std::string& rail) {
  if (rails.empty()) {
    return Ending(ExitCode::kUsage,
                  absl::FailedPreconditionError(
                      "the board has no rail: only --metric time can be compared."));
  }
  if (rail.empty() || std::ranges::find(rails, rail) != rails.end()) return absl::OkStatus();
  return Ending(ExitCode::kUsage,
                absl::NotFoundError(fmt::format("--rail {}: there is no such rail; there are {}",
                                                rail, fmt::join(rails, ", "))));
}

absl::StatusOr<std::vector<std::string>> RailsFor(const RunReport& report,
                                                  const std::string& rail) {
  if (absl::Status status = CheckRail(report.rails(), rail); !status.ok()) return status;
  return rail.empty() ? report.rails() : std::vector{rail};
}

nlohmann::ordered_json SideJson(const std::string& given, const std::vector<LoadedRun>& runs) {
  nlohmann::ordered_json json = {{"given", given}, {"runs", nlohmann::ordered_json::array()}};
  for (const LoadedRun& run : runs) {
    json["runs"].push_back({{"number", run.run.number},
                            {"id", run.run.run_id},
                            {"verdict", VerdictName(run.report.verdict)}});
  }
  return json;
}

}  // namespace synergy
