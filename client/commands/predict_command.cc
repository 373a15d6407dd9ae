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
#include "client/predict/model_scope.h"
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
  std::optional<uint32_t> threads;
  bool json = false;
};

constexpr uint64_t kMostModelBytes = uint64_t{1} << 28;

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

absl::StatusOr<std::vector<FeatureTable>> TablesOf(const PredictOptions& options) {
  std::vector<FeatureTable> tables;
  if (options.net.net != "all") {
    const absl::StatusOr<LoadedModel> net = LoadModel(options.net);
    if (!net.ok()) return net.status();
    tables.push_back(FeaturesOf(net->model, std::nullopt));
    return tables;
  }
  for (const ZooEntry& entry : Zoo()) {
    const int64_t batch = options.net.batch == 0 ? 1 : options.net.batch;
    const absl::StatusOr<Model> net = entry.build(batch, 1);
    if (!net.ok()) return Ending(ExitCode::kUsage, net.status());
    tables.push_back(FeaturesOf(*net, std::nullopt));
  }
  return tables;
}

absl::StatusOr<AskedScope> ScopeOf(const PredictOptions& options,
                                   const std::vector<FeatureTable>& tables) {
  AskedScope asked{.classes = {},
                   .board = options.board,
                   .engine = options.engine,
                   .threads = options.threads,
                   .batch = std::max<uint32_t>(options.net.batch, 1),
                   .ghz = {},
                   .celsius = options.celsius};
  for (const FeatureTable& table : tables) {
    for (const OpClass op_class : ClassesOf(table.types)) asked.classes.insert(op_class);
  }
  if (options.frequency.empty()) return asked;
  const absl::StatusOr<Frequency> frequency = ParseFrequency(options.frequency);
  if (!frequency.ok()) return Ending(ExitCode::kUsage, frequency.status());
  asked.ghz = 1e-6 * static_cast<double>(frequency->khz);
  return asked;
}

absl::Status SetFrequency(const EnergyModel& model, const PredictOptions& options,
                          const AskedScope& asked, std::vector<FeatureTable>* tables) {
  const std::optional<double> ghz = asked.ghz ? asked.ghz : FittedFrequency(model, asked.classes);
  if (!ghz && UsesFeature(model, "frequency")) {
    return Ending(
        ExitCode::kUsage,
        absl::InvalidArgumentError(fmt::format(
            "{} was fitted at several clocks: say at which one with --freq", options.model)));
  }
  for (FeatureTable& table : *tables) {
    if (ghz) table.Set("frequency", Eigen::VectorXd::Constant(table.rows(), *ghz));
  }
  return absl::OkStatus();
}

absl::Status PredictCommand(const PredictOptions& options) {
  const absl::StatusOr<std::string> text = ReadUserFile(options.model, kMostModelBytes);
  if (!text.ok()) return text.status();
  const absl::StatusOr<EnergyModel> model = ParseModel(*text, options.model);
  if (!model.ok()) return Ending(ExitCode::kUsage, model.status());
  auto tables = TablesOf(options);
  if (!tables.ok()) return tables.status();
  const absl::StatusOr<AskedScope> asked = ScopeOf(options, *tables);
  if (!asked.ok()) return asked.status();
  absl::Status set = SetFrequency(*model, options, *asked, &*tables);
  if (set.ok()) set = SetTemperature(*model, options, &*tables);
  if (!set.ok()) return set;
  const std::vector<std::string> warnings = WarningsOf(*model, *asked);
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
  std::string shown = PredictionsText(all, tables->front(), model->rail, StdoutColumns());
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
  command->add_option("--threads", options->threads, "Likewise");
  AddJsonFlag(*command, &options->json);
  command->callback(
      [options, chosen] { *chosen = [options] { return PredictCommand(*options); }; });
}

}  // namespace synergy
