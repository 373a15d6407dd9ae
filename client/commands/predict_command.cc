#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/model_source.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/user_file.h"
#include "client/models/zoo.h"
#include "client/predict/energy_model.h"
#include "client/predict/model_file.h"
#include "client/predict/op_features.h"
#include "client/predict/prediction_json.h"
#include "client/report/prediction_text.h"
#include "common/frequency.h"

namespace synergy {
namespace {

struct PredictOptions {
  ModelOptions net;
  std::string model;
  std::string frequency;
  std::optional<double> celsius;
  std::string board, engine;  // what it is to be predicted for, as far as it is said
  bool json = false;
};

constexpr uint64_t kMostModelBytes = uint64_t{1} << 28;

// Whether it was fitted to rows that have it.
bool KnowsFeature(const EnergyModel& model, std::string_view feature) {
  return std::ranges::any_of(model.parts, [&](const ModelPart& part) {
    return std::ranges::find(part.hull, feature, &FeatureRange::feature) != part.hull.end();
  });
}

// Whether its joules follow it.
bool UsesFeature(const EnergyModel& model, std::string_view feature) {
  return std::ranges::any_of(model.parts, [&](const ModelPart& part) {
    return std::ranges::any_of(part.terms, [&](const Term& term) {
      return std::ranges::find(term.factors, feature, &Term::Factor::feature) != term.factors.end();
    });
  });
}

// What the model was not fitted for.
std::vector<std::string> WarningsOf(const EnergyModel& model, const PredictOptions& options,
                                    std::optional<double> ghz) {
  std::vector<std::string> warnings;
  const auto compare = [&](const char* what, const std::string& wanted) {
    const auto fitted = model.conditions.find(what);
    if (wanted.empty()) return;
    if (fitted == model.conditions.end()) {
      warnings.push_back(fmt::format(
          "WARNING: the model does not say for which {} it was fitted, so whether that is '{}' is "
          "not known",
          what, wanted));
      return;
    }
    if (fitted->second == wanted) return;
    warnings.push_back(
        fmt::format("WARNING: the model was fitted for the {} '{}', not for '{}': "
                    "its energies may be far off",
                    what, fitted->second, wanted));
  };
  compare("board", options.board);
  compare("engine", options.engine);
  if (model.conditions.contains("batch")) {
    compare("batch", fmt::to_string(std::max<uint32_t>(options.net.batch, 1)));
  }
  const bool knows_clocks = KnowsFeature(model, "frequency");
  if (!options.frequency.empty() && !knows_clocks) {
    warnings.push_back("WARNING: the model knows of no clocks: --freq changes nothing");
  }
  if (options.celsius && !KnowsFeature(model, "temperature")) {
    warnings.push_back(
        "WARNING: the model knows of no temperatures: --temperature changes nothing");
  }
  for (const ModelPart& part : model.parts) {
    for (const FeatureRange& range : part.hull) {
      if (!ghz || range.feature != "frequency" || part.target != "energy") continue;
      const double slack = 0.02 * *ghz;
      if (*ghz >= range.low - slack && *ghz <= range.high + slack) continue;
      warnings.push_back(
          fmt::format("WARNING: the model was fitted at clocks of {:.4g} to {:.4g} "
                      "GHz, not at {:.4g} GHz: its energies may be far off",
                      range.low, range.high, *ghz));
      return warnings;
    }
  }
  return warnings;
}

// The one at which the model was fitted, where that was one.
std::optional<double> FittedFrequency(const EnergyModel& model) {
  for (const ModelPart& part : model.parts) {
    for (const FeatureRange& range : part.hull) {
      if (range.feature == "frequency" && range.high < 1.001 * range.low) return range.low;
    }
  }
  return std::nullopt;
}

// Where the model has a term of the temperature: the middle of those that it was fitted at.
std::optional<double> FittedTemperature(const EnergyModel& model) {
  for (const ModelPart& part : model.parts) {
    for (const FeatureRange& range : part.hull) {
      if (range.feature == "temperature") return 0.5 * (range.low + range.high);
    }
  }
  return std::nullopt;
}

absl::Status SetTemperature(const EnergyModel& model, const PredictOptions& options,
                            std::vector<FeatureTable>* tables) {
  if (options.celsius && !(std::abs(*options.celsius) < 200)) {  // nor if it is no number
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(
                      fmt::format("--temperature {}: no CPU runs at that", *options.celsius)));
  }
  const std::optional<double> fitted = FittedTemperature(model);
  for (FeatureTable& table : *tables) {
    if (!fitted) break;
    table.Set("temperature",
              Eigen::VectorXd::Constant(table.rows(), options.celsius.value_or(*fitted)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FeatureTable>> TablesOf(const PredictOptions& options,
                                                   std::optional<double> ghz) {
  std::vector<FeatureTable> tables;
  if (options.net.net != "all") {
    const absl::StatusOr<LoadedModel> net = LoadModel(options.net);
    if (!net.ok()) return net.status();
    tables.push_back(FeaturesOf(net->model, ghz));
    return tables;
  }
  for (const ZooEntry& entry : Zoo()) {
    const int64_t batch = options.net.batch == 0 ? 1 : options.net.batch;
    const absl::StatusOr<Model> net = entry.build(batch, 1);
    if (!net.ok()) return Ending(ExitCode::kUsage, net.status());
    tables.push_back(FeaturesOf(*net, ghz));
  }
  return tables;
}

absl::Status PredictCommand(const PredictOptions& options) {
  const absl::StatusOr<std::string> text = ReadUserFile(options.model, kMostModelBytes);
  if (!text.ok()) return text.status();
  const absl::StatusOr<EnergyModel> model = ParseModel(*text, options.model);
  if (!model.ok()) return Ending(ExitCode::kUsage, model.status());
  std::optional<double> ghz = FittedFrequency(*model);
  if (!options.frequency.empty()) {
    const absl::StatusOr<Frequency> frequency = ParseFrequency(options.frequency);
    if (!frequency.ok()) return Ending(ExitCode::kUsage, frequency.status());
    ghz = 1e-6 * static_cast<double>(frequency->khz);
  }
  if (!ghz && UsesFeature(*model, "frequency")) {
    return Ending(
        ExitCode::kUsage,
        absl::InvalidArgumentError(fmt::format(
            "{} was fitted at several clocks: say at which one with --freq", options.model)));
  }
  auto tables = TablesOf(options, ghz);
  if (!tables.ok()) return tables.status();
  if (absl::Status set = SetTemperature(*model, options, &*tables); !set.ok()) return set;
  const std::vector<std::string> warnings = WarningsOf(*model, options, ghz);
  for (const std::string& warning : warnings) PrintNote(warning);
  const auto simulated = model->conditions.find("simulated");
  const bool is_simulated = simulated != model->conditions.end() && simulated->second != "no";
  nlohmann::ordered_json networks = nlohmann::ordered_json::array();
  Predictions all;
  for (const FeatureTable& table : *tables) {
    absl::StatusOr<Predictions> predictions = Predict(*model, table);
    if (!predictions.ok()) return Ending(ExitCode::kUsage, predictions.status());
    networks.push_back(PredictionsJson(*predictions, table).front());
    all.run_names.push_back(predictions->run_names.front());
    all.runs.push_back(predictions->runs.front());
    if (tables->size() == 1) all.rows = std::move(predictions->rows);
  }
  if (options.json) {
    nlohmann::ordered_json document;
    document["schema_version"] = kReportSchemaVersion;
    document["simulated"] = is_simulated;
    document["family"] = FamilyName(model->family);
    document["rail"] = model->rail;
    document["conditions"] = model->conditions;
    document["warnings"] = warnings;
    document["networks"] = std::move(networks);
    return WriteStdout(JsonText(document));
  }
  std::string shown = PredictionsText(all, tables->front(), StdoutColumns());
  if (is_simulated)
    shown += "SIMULATED: the model was fitted to energies of a model of the board.\n";
  return WritePaged(shown);
}

}  // namespace

void AddPredictCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand(
      "predict", "Predict what a network costs that was never run, by a model that `fit` wrote");
  AddModelOptions(*command, &options->net);
  command->add_option("--model", options->model, "The model's file")->type_name("FILE")->required();
  command
      ->add_option("--freq", options->frequency, "Of the CPU, such as 1.7GHz; default: the model's")
      ->type_name("FREQUENCY");
  command
      ->add_option("--temperature", options->celsius,
                   "Of the CPU in Celsius, for models that know it; default: the middle of the "
                   "model's")
      ->type_name("CELSIUS");
  command->add_option("--board", options->board, "Warn where the model is of another one");
  command->add_option("--engine", options->engine, "Likewise");
  AddJsonFlag(*command, &options->json);
  command->callback(
      [options, chosen] { *chosen = [options] { return PredictCommand(*options); }; });
}

}  // namespace synergy
