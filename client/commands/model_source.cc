#include "client/commands/model_source.h"

#include <utility>

#include "client/commands/exit_code.h"
#include "client/models/zoo.h"

namespace synergy {

void AddModelOptions(CLI::App& command, ModelOptions* options) {
  command.add_option("--net", options->net, "Network to measure (synergyctl models lists them)")
      ->type_name("NAME")
      ->required();
  command
      .add_option("--net-type", options->net_type,
                  "How Caffe2 executes it: simple (one operator after another) or async_scheduling "
                  "(operators that do not wait for each other side by side)")
      ->check(CLI::IsMember({"simple", "async_scheduling"}))
      ->type_name("TYPE")
      ->capture_default_str();
  command.add_option("--batch", options->batch, "Images an inference")
      ->check(CLI::Range(1u, 65'535u))
      ->capture_default_str();
  command
      .add_option("--seed", options->seed,
                  "Of the weights, of the input and of a simulated board's noise")
      ->check(NotNegative())
      ->capture_default_str();
}

absl::StatusOr<LoadedModel> LoadModel(const ModelOptions& options) {
  const absl::StatusOr<const ZooEntry*> entry = FindModel(options.net);
  if (!entry.ok()) return Ending(ExitCode::kUsage, entry.status());
  absl::StatusOr<Model> model = (*entry)->build(options.batch, options.seed);
  if (!model.ok()) return Ending(ExitCode::kUsage, model.status());
  LoadedModel loaded{*std::move(model), "zoo"};
  loaded.model.name = options.net;
  loaded.model.predict.set_type(options.net_type);
  return loaded;
}

}  // namespace synergy
