#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "client/analysis/report_json.h"
#include "client/analysis/simulated_notice.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/presentation.h"
#include "client/commands/stored_report.h"
#include "client/report/analysis_text.h"
#include "client/report/estimates_text.h"

namespace synergy {
namespace {

struct AnalyzeOptions {
  std::string run;
  std::string store;
  std::string method{kMethodLeastSquares};
  std::string rail;
  RecordLimits limits;
  bool compare = false;
  bool json = false;
};

absl::StatusOr<std::optional<size_t>> FindRail(const RunReport& report, const std::string& name) {
  if (name.empty()) return std::optional<size_t>();
  const auto found = std::ranges::find(report.rails(), name);
  if (found != report.rails().end()) {
    return std::optional<size_t>(found - report.rails().begin());
  }
  return Ending(ExitCode::kUsage,
                absl::NotFoundError(fmt::format("--rail {}: the run has no such rail; it has {}",
                                                name, fmt::join(report.rails(), ", "))));
}

// As KeepRail, of objects that stand under the key `rails` and are called by their names.
template <typename IsOther>
void KeepNamedRail(const IsOther& is_other, nlohmann::ordered_json* rails) {
  for (size_t i = rails->size(); i-- > 0;) {
    const nlohmann::ordered_json& item = (*rails)[i];
    const auto name = item.is_object() ? item.find("name") : item.end();
    if (item.is_object() && name != item.end() && is_other(*name)) rails->erase(i);
  }
}

// Removes what is said of the rails that are not asked for, wherever it stands.
void KeepRail(const RunReport& report, size_t rail, nlohmann::ordered_json* json) {
  const auto is_other = [&](const std::string& name) {
    return name != report.rails()[rail] &&
           std::ranges::find(report.rails(), name) != report.rails().end();
  };
  if (json->is_object()) {
    for (const std::string& name : report.rails()) {
      if (is_other(name)) json->erase(name);
    }
    const auto rails = json->find("rails");
    if (rails != json->end() && rails->is_array()) KeepNamedRail(is_other, &*rails);
  } else if (json->is_array()) {
    for (size_t i = json->size(); i-- > 0;) {
      const nlohmann::ordered_json& item = (*json)[i];
      const auto of = item.is_object() ? item.find("rail") : item.end();
      if (item.is_object() && of != item.end() && of->is_string() && is_other(*of)) json->erase(i);
    }
  }
  for (auto& item : *json) {
    if (item.is_structured()) KeepRail(report, rail, &item);
  }
}

absl::Status PrintJson(const StoredRun& run, const RunReport& report, std::optional<size_t> rail,
                       const RunReport* other) {
  nlohmann::ordered_json document = RunDocument(run, report);
  if (other != nullptr) {
    const nlohmann::ordered_json by_other = RunDocument(run, *other);
    for (size_t i = 0; i < document["ops"].size(); ++i) {
      nlohmann::ordered_json& op = document["ops"][i];
      op["energy_by_method_j"][report.method] = op["energy_j"];
      op["energy_by_method_j"][other->method] = by_other["ops"][i]["energy_j"];
    }
  }
  if (rail) KeepRail(report, *rail, &document);
  return WriteStdout(JsonText(document));
}

absl::Status Analyze(const AnalyzeOptions& options) {
  const absl::StatusOr<OpenedRun> opened = OpenRun(options.store, options.run);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<RunReport> report =
      LoadReport(*opened->store, opened->run, options.method, options.limits);
  if (!report.ok()) return report.status();
  const absl::StatusOr<std::optional<size_t>> rail = FindRail(*report, options.rail);
  if (!rail.ok()) return rail.status();
  std::optional<RunReport> other;
  if (options.compare) {
    const bool plain = options.method == kMethodIntegrate;
    absl::StatusOr<RunReport> loaded =
        LoadReport(*opened->store, opened->run,
                   std::string(plain ? kMethodLeastSquares : kMethodIntegrate), options.limits);
    if (!loaded.ok()) return loaded.status();
    other = *std::move(loaded);
  }
  const RunReport* beside = other ? &*other : nullptr;
  absl::Status printed;
  if (options.json) {
    printed = PrintJson(opened->run, *report, *rail, beside);
  } else {
    std::string text;
    for (size_t i = 0; i < report->rails().size(); ++i) {
      if (!*rail || **rail == i) text += AnalysisText(*report, i, beside, StdoutColumns()) + "\n";
    }
    text += TogetherText(*report, *rail) + EstimatesText(*report, *rail);
    const std::string notice = SimulatedNotice(report->header.board());
    printed = WritePaged(notice.empty() ? text : text + notice + "\n");
  }
  return printed.ok() ? Completeness(opened->run, *report) : printed;
}

}  // namespace

void AddAnalyzeCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<AnalyzeOptions>();
  CLI::App* command = app.add_subcommand(
      "analyze", "Compute a stored run's energies again from its records, rail by rail");
  command->add_option("run", options->run, "Number, tag, run id, the beginning of one, or 'last'")
      ->type_name("RUN")
      ->required();
  AddMethodOption(*command, &options->method);
  AddLimitOption(*command, &options->limits);
  command->add_option("--rail", options->rail, "This rail alone")->type_name("RAIL");
  command->add_flag("--compare-methods", options->compare,
                    "Beside it the other method, and by how much that differs");
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return Analyze(*options); }; });
}

}  // namespace synergy
