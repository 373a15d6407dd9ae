#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/compared_runs.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/report/comparison_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

struct CompareOptions {
  std::string a, b;
  ComparedWhat what;
  bool json = false;
  bool force = false;
  std::string store;
};

absl::Status Refused(const std::string& why) {
  return Ending(ExitCode::kUsage,
                absl::FailedPreconditionError(why + " --force compares them all the same."));
}

absl::Status CheckSides(const LoadedSides& sides, const std::vector<RunDifference>& differences) {
  for (const std::string& line : sides.WithVerdict(v1::VERDICT_INVALID)) return Refused(line + ".");
  for (const RunDifference& difference : differences) {
    if (!difference.compares_otherwise) continue;
    return Refused(fmt::format("the runs cannot be compared: {} differs, {} and {}.",
                               difference.what, difference.a, difference.b));
  }
  return absl::OkStatus();
}

std::string TextOf(const LoadedSides& sides, const std::vector<RunDifference>& differences,
                   const std::vector<Comparison>& comparisons) {
  std::string text = DifferencesText(differences);
  for (const v1::Verdict verdict : {v1::VERDICT_INVALID, v1::VERDICT_SUSPECT}) {
    for (const std::string& line : sides.WithVerdict(verdict)) text += Printable(line) + "\n";
  }
  std::vector<std::string> rails;
  for (const Comparison& comparison : comparisons) {
    if (!comparison.rail.empty()) rails.push_back(comparison.rail);
  }
  for (const std::string& line : sides.WithoutRails(rails)) text += Printable(line) + "\n";
  const std::vector<std::string> common = sides.Common(rails);
  for (const Comparison& comparison : comparisons) {
    const bool has = std::ranges::find(common, comparison.rail) != common.end();
    if (!has && !comparison.rail.empty()) continue;
    text += (text.empty() ? "" : "\n") + ComparisonText(comparison, StdoutColumns());
    const ComparedValue& network = comparison.values.front();
    if (network.increase) text += SpreadText(sides.runs(), network.spread) + "\n";
  }
  const std::string notice = sides.Simulated();
  return text + (notice.empty() ? "" : notice + "\n");
}

nlohmann::ordered_json DocumentOf(const CompareOptions& options, const LoadedSides& sides,
                                  const std::vector<RunDifference>& differences,
                                  const std::vector<Comparison>& comparisons) {
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["baseline"] = SideJson(options.a, sides.baseline);
  document["candidate"] = SideJson(options.b, sides.candidate);
  document["simulated"] = !sides.Simulated().empty();
  document["differences"] = DifferencesJson(differences);
  document["comparisons"] = nlohmann::ordered_json::array();
  for (const Comparison& comparison : comparisons) {
    document["comparisons"].push_back(ComparisonJson(comparison));
  }
  return document;
}

absl::Status Compare(const CompareOptions& options) {
  const Metric metric = options.what.metric.value_or(Metric::kEnergy);
  if (absl::Status status = CheckRailOfMetric(metric, options.what.rail); !status.ok()) {
    return status;
  }
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenStoredRuns(options.store);
  if (!store.ok()) return store.status();
  const absl::StatusOr<LoadedSides> sides = LoadSides(**store, options.a, options.b, metric);
  if (!sides.ok()) return sides.status();
  const std::vector<RunDifference> differences = sides->Differences();
  if (!options.force) {
    if (absl::Status status = CheckSides(*sides, differences); !status.ok()) return status;
  }
  const absl::StatusOr<std::vector<std::string>> rails =
      metric == Metric::kTime ? std::vector<std::string>{""}
                              : RailsFor(sides->baseline.front().report, options.what.rail);
  if (!rails.ok()) return rails.status();
  std::vector<Comparison> comparisons;
  for (const std::string& rail : *rails) {
    comparisons.push_back(CompareRuns(sides->runs(), rail, metric, options.what.between_run));
  }
  if (!options.json) return WritePaged(TextOf(*sides, differences, comparisons));
  return WriteStdout(JsonText(DocumentOf(options, *sides, differences, comparisons)));
}

}  // namespace

void AddCompareCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command = app.add_subcommand(
      "compare", "Show by how much stored runs differ: network, types, modules, operators");
  command->add_option("a", options->a, "A run, or a tag: all runs that have it")
      ->type_name("A")
      ->required();
  command->add_option("b", options->b, "What is compared with it")->type_name("B")->required();
  AddComparedOptions(*command, &options->what);
  command->add_flag("--force", options->force,
                    "Also INVALID runs, other networks and other batches");
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return Compare(*options); }; });
}

}  // namespace synergy
