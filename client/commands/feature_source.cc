#include "client/commands/feature_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "client/analysis/report_names.h"
#include "client/commands/compared_runs.h"
#include "client/commands/exit_code.h"
#include "client/commands/stored_report.h"
#include "client/commands/user_file.h"
#include "client/predict/op_features.h"
#include "client/predict/run_scope.h"
#include "client/predict/table_csv.h"
#include "common/nearest_name.h"

namespace synergy {
namespace {

constexpr uint64_t kMostCsvBytes = uint64_t{1} << 30;

absl::Status Usage(const std::string& what) {
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(what));
}

absl::StatusOr<LoadedFeatures> LoadCsv(const FeatureSourceOptions& options) {
  const absl::StatusOr<ColumnMap> map = ParseColumnMap(options.map);
  if (!map.ok()) return Usage("--map: " + std::string(map.status().message()));
  const absl::StatusOr<std::string> text = ReadUserFile(options.csv, kMostCsvBytes);
  if (!text.ok()) return text.status();
  if (text->find('\0') != text->npos) {
    return Usage(options.csv + ": is no table, it has bytes that no text has");
  }
  absl::StatusOr<FeatureTable> table = ReadFeatureTable(*text, *map);
  if (!table.ok()) return AboutFile(options.csv, table.status());
  LoadedFeatures loaded;
  loaded.table = *std::move(table);
  const std::vector<std::string> known(std::begin(kFeatures), std::end(kFeatures));
  for (const FeatureColumn& column : loaded.table.features) {
    if (column.name == kDepthwiseShare || std::ranges::find(known, column.name) != known.end()) {
      continue;
    }
    loaded.more_features.push_back(column.name);
    const std::string nearest = NearestName(column.name, known);
    if (nearest.empty()) continue;
    loaded.notes.push_back(
        fmt::format("'{}' of the map is no feature of any family but individual; did you mean "
                    "'{}'?",
                    column.name, nearest));
  }
  return loaded;
}

std::map<std::string, std::string> ConditionsOf(const RunReport& report) {
  const v1::JobSpec& job = report.header.job();
  std::map<std::string, std::string> conditions = {
      {"board", report.header.board().title()},
      {"board_name", report.header.board().name()},
      {"engine", job.engine()},
      {"threads", fmt::format("{}", job.threads())},
      {"batch", fmt::format("{}", job.batch())},
      {"simulated", report.header.board().simulated() ? "yes" : "no"}};
  if (const auto ghz = FrequencyOf(report)) conditions["clocks"] = fmt::format("{:.4g} GHz", *ghz);
  return conditions;
}

// All of the store that are whole and not INVALID, or those that are named.
absl::StatusOr<std::vector<StoredRun>> RunsOf(const FeatureSourceOptions& options, Store& store) {
  const absl::StatusOr<std::vector<StoredRun>> stored = store.Runs();
  if (!stored.ok()) return stored.status();
  if (options.runs == std::vector<std::string>{"all"}) return stored;
  std::vector<StoredRun> runs;
  std::set<int64_t> taken;
  for (const std::string& text : options.runs) {
    const absl::StatusOr<std::vector<StoredRun>> found = ResolveRuns(*stored, text);
    if (!found.ok()) return found.status();
    for (const StoredRun& run : *found) {
      if (taken.insert(run.number).second) runs.push_back(run);
    }
  }
  return runs;
}

void NoteClocks(const RunReport& report, const std::string& name, LoadedFeatures* loaded) {
  const std::vector<double> clocks = CoreClocks(report);
  if (clocks.empty()) return;
  const auto [low, high] = std::ranges::minmax(clocks);
  if (high < 1.02 * low) return;
  loaded->notes.push_back(
      fmt::format("WARNING: {} could use cores of {:.4g} to {:.4g} GHz: its frequency is taken to "
                  "be their mean, {:.4g} GHz (--cpus keeps a job on cores of one kind)",
                  name, low, high, *FrequencyOf(report)));
}

absl::Status AddStored(Store& store, const StoredRun& run, const FeatureSourceOptions& options,
                       LoadedFeatures* loaded) {
  const absl::StatusOr<RunReport> report = LoadReport(store, run, std::string(kMethodLeastSquares));
  if (!report.ok()) return report.status();
  if (report->verdict == v1::VERDICT_INVALID) {
    return absl::FailedPreconditionError(fmt::format("run {} is INVALID", run.number));
  }
  if (loaded->rail.empty()) {
    const absl::StatusOr<std::string> whole =
        options.rail.empty() ? WholeRail(*report) : options.rail;
    if (absl::IsInvalidArgument(whole.status()))
      return Usage(std::string(whole.status().message()));
    if (!whole.ok()) return whole.status();
    loaded->rail = *whole;
  }
  const std::string name = fmt::format("{} (run {})", run.net, run.number);
  const absl::Status added = AddRun(*report, loaded->rail, name, &loaded->table);
  if (!added.ok()) return added;
  NoteClocks(*report, name, loaded);
  std::map<std::string, std::string> conditions = ConditionsOf(*report);
  if (loaded->conditions.empty()) loaded->conditions = conditions;
  for (auto& [key, value] : loaded->conditions) {
    if (conditions[key] == value || value == "several") continue;
    if (key != "clocks") {
      loaded->notes.push_back(
          fmt::format("WARNING: one model of several: {} {} and {}", key, value, conditions[key]));
    }
    value = "several";
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadedFeatures> LoadRuns(const FeatureSourceOptions& options) {
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenStoredRuns(options.store);
  if (!store.ok()) return store.status();
  const absl::StatusOr<std::vector<StoredRun>> runs = RunsOf(options, **store);
  if (!runs.ok()) return runs.status();
  LoadedFeatures loaded;
  for (const StoredRun& run : *runs) {
    const absl::Status added = AddStored(**store, run, options, &loaded);
    if (ExitCodeOf(added) == ExitCode::kUsage) return added;
    if (!added.ok()) loaded.notes.push_back("left out: " + std::string(added.message()));
  }
  if (loaded.table.rows() > 0) return loaded;
  return Usage(fmt::format("no run has energies that could be fitted{}{}",
                           loaded.notes.empty() ? "" : "; ",
                           loaded.notes.empty() ? "" : loaded.notes.front()));
}

}  // namespace

void AddFeatureSourceOptions(CLI::App& command, FeatureSourceOptions* options) {
  CLI::Option* runs =
      command
          .add_option("--runs", options->runs,
                      "Stored runs: numbers, ids or tags, separated by commas; all: every run")
          ->delimiter(',')
          ->type_name("RUN,...");
  command.add_option("--rail", options->rail, "Of these runs; default: the one of the whole board")
      ->needs(runs);
  CLI::Option* csv =
      command.add_option("--csv", options->csv, "A table with a row a layer or network")
          ->type_name("FILE")
          ->excludes(runs);
  CLI::Option* map =
      command
          .add_option(
              "--map", options->map,
              "Its columns: energy=COLUMN,network=COLUMN[,layer=,type=,architecture=,macs=,...]; "
              "COLUMN*1e-3 scales")
          ->type_name("MAP")
          ->needs(csv);
  csv->needs(map);
  AddStoreOption(command, &options->store);
}

absl::StatusOr<LoadedFeatures> LoadFeatures(const FeatureSourceOptions& options) {
  if (!options.csv.empty()) return LoadCsv(options);
  if (!options.runs.empty()) return LoadRuns(options);
  return Usage("say where the energies are: --runs RUN,... (or all), or --csv FILE --map MAP");
}

std::string LoadedFeatures::SimulatedNotice() const {
  const auto simulated = conditions.find("simulated");
  if (simulated == conditions.end() || simulated->second == "no") return "";
  return "SIMULATED: energies are from a model of a board, not from a sensor.\n";
}

CLI::Validator IsFamily() {
  std::vector<std::string> names;
  for (const Family family : kFamilies) names.emplace_back(FamilyName(family));
  return CLI::IsMember(names);
}

}  // namespace synergy
