#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/feature_source.h"
#include "client/commands/output.h"
#include "client/commands/user_file.h"
#include "client/predict/families.h"
#include "client/predict/model_file.h"
#include "client/predict/prediction_json.h"
#include "client/report/prediction_text.h"

namespace synergy {
namespace {

struct FitCommandOptions {
  FeatureSourceOptions source;
  std::string family{"layer-type"};
  int degree = 1;
  bool has_degree = false;  // it was said
  std::string output;
  bool json = false;
};

absl::Status Usage(const std::string& what) {
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(what));
}

absl::Status Fit(const FitCommandOptions& options) {
  const bool to_stdout = options.output == "-";
  if (to_stdout && options.json) return Usage("-o - and --json both write to stdout");
  if (options.has_degree && options.family != FamilyName(Family::kMac)) {
    return Usage(fmt::format("--degree is of the family mac: {} has none", options.family));
  }
  absl::Status good = to_stdout ? absl::OkStatus() : CheckOutputPath(options.output);
  if (!good.ok()) return good;
  const absl::StatusOr<LoadedFeatures> loaded = LoadFeatures(options.source);
  if (!loaded.ok()) return loaded.status();
  absl::StatusOr<EnergyModel> model =
      FitFamily(loaded->table, {.family = *FamilyOfName(options.family),
                                .degree = options.degree,
                                .more_features = loaded->more_features});
  if (!model.ok()) return Ending(ExitCode::kUsage, model.status());
  model->rail = loaded->rail;
  model->conditions = loaded->conditions;
  model->conditions["synergy"] = SYNERGY_VERSION;
  model->notes.insert(model->notes.end(), loaded->notes.begin(), loaded->notes.end());
  if (to_stdout) return WriteStdout(ModelText(*model));
  if (absl::Status written = WriteOutputFile(options.output, {ModelText(*model)}); !written.ok()) {
    return written;
  }
  const std::string simulated = loaded->SimulatedNotice();
  if (!options.json) return WriteStdout(ModelText(*model, StdoutColumns()) + simulated);
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["simulated"] = !simulated.empty();
  document["model"] = ModelJson(*model);
  return WriteStdout(JsonText(document));
}

}  // namespace

void AddFitCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<FitCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "fit", "Fit a model of energies to stored runs, or to a table, and write it to a file");
  AddFeatureSourceOptions(*command, &options->source);
  command->add_option("--family", options->family, "What the model knows")
      ->check(IsFamily())
      ->capture_default_str();
  CLI::Option* degree =
      command->add_option("--degree", options->degree, "Of the polynomial of the family mac")
          ->check(CLI::Range(1, kMostDegree))
          ->capture_default_str();
  command
      ->add_option("-o,--output", options->output,
                   "The model's file (-: to stdout, instead of the table)")
      ->type_name("FILE")
      ->required();
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen, degree] {
    options->has_degree = degree->count() > 0;
    *chosen = [options] { return Fit(*options); };
  });
}

}  // namespace synergy
