#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/models/zoo.h"
#include "client/report/model_report.h"
#include "common/files.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

struct ModelsOptions {
  std::string net;
  bool json = false;
  std::string folder;
  bool force = false;
  uint32_t batch = 1;
  uint64_t seed = 1;
};

absl::StatusOr<ZooModel> BuildNetwork(const ModelsOptions& options) {
  const absl::StatusOr<const ZooEntry*> entry = FindModel(options.net);
  if (!entry.ok()) return Ending(ExitCode::kUsage, entry.status());
  absl::StatusOr<Model> model = (*entry)->build(options.batch, options.seed);
  if (!model.ok()) return Ending(ExitCode::kUsage, model.status());
  return ZooModel{*entry, *std::move(model)};
}

absl::Status ListModels(const ModelsOptions& options) {
  // For one image; nothing that is listed depends on the seed.
  std::vector<ZooModel> models;
  for (const ZooEntry& entry : Zoo()) {
    absl::StatusOr<Model> model = entry.build(1, 1);
    if (!model.ok()) return model.status();
    models.push_back({&entry, *std::move(model)});
  }
  if (!options.json) return WritePaged(ModelsText(models, StdoutColumns()));
  ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["models"] = ModelsJson(models);
  return WriteStdout(JsonText(document));
}

absl::Status ShowModel(const ModelsOptions& options) {
  const absl::StatusOr<ZooModel> model = BuildNetwork(options);
  if (!model.ok()) return model.status();
  if (!options.json) return WritePaged(ModelText(*model));
  ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["model"] = ModelJson(*model);
  return WriteStdout(JsonText(document));
}

// The files by their names in the folder.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> FilesOf(const Model& model) {
  const absl::StatusOr<std::string> init = SerializeNet(model.init);
  if (!init.ok()) return init.status();
  const absl::StatusOr<std::string> predict = SerializeNet(model.predict);
  if (!predict.ok()) return predict.status();
  return std::vector<std::pair<std::string, std::string>>{
      {"init_net.pb", *init},
      {"init_net.pbtxt", NetText(model.init)},
      {"predict_net.pb", *predict},
      {"predict_net.pbtxt", NetText(model.predict)}};
}

// The folders above are not made: a mistyped path would leave a tree of them.
absl::Status MakeExportFolder(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::string above = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!above.empty() && !std::filesystem::is_directory(above, error)) {
    return Ending(ExitCode::kUsage,
                  absl::NotFoundError(fmt::format(
                      "write the nets to {}: there is no folder {}; make it first, or choose "
                      "another with --dir",
                      path, above)));
  }
  const absl::Status made = MakeFolder(path, 0755);
  return Ending(absl::IsResourceExhausted(made) ? ExitCode::kFailedCheck : ExitCode::kUsage, made);
}

absl::Status ExportModel(const ModelsOptions& options) {
  const absl::StatusOr<ZooModel> model = BuildNetwork(options);
  if (!model.ok()) return model.status();
  const auto files = FilesOf(model->model);
  if (!files.ok()) return files.status();
  if (absl::Status made = MakeExportFolder(options.folder); !made.ok()) return made;
  for (const auto& [name, text] : *files) {
    const std::string path = options.folder + "/" + name;
    // A dangling link is there too.
    if (!options.force && ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
      return Ending(ExitCode::kUsage,
                    absl::AlreadyExistsError(fmt::format(
                        "write {}: it is there already; nothing was written. Choose another "
                        "folder, or --force to replace its nets.",
                        path)));
    }
  }
  std::string written;
  for (const auto& [name, text] : *files) {
    const std::string path = options.folder + "/" + name;
    if (absl::Status status = WriteOutputFile(path, {text}); !status.ok()) return status;
    written += path + "\n";
  }
  return WriteStdout(written);
}

void AddNetwork(CLI::App& command, ModelsOptions* options) {
  command.add_option("network", options->net, "A network's name, as synergyctl models lists it")
      ->type_name("NETWORK")
      ->required();
}

void AddShow(CLI::App& models, std::shared_ptr<ModelsOptions> options, ChosenCommand* chosen) {
  CLI::App* command = models.add_subcommand("show", "Every operator of a network, with its costs");
  AddNetwork(*command, options.get());
  command->fallthrough();
  command->footer("--json as for synergyctl models");
  command->callback([options, chosen] { *chosen = [options] { return ShowModel(*options); }; });
}

void AddExport(CLI::App& models, std::shared_ptr<ModelsOptions> options, ChosenCommand* chosen) {
  CLI::App* command = models.add_subcommand(
      "export", "Write a network's nets for any Caffe2: init_net and predict_net, .pb and .pbtxt");
  AddNetwork(*command, options.get());
  command->add_option("--dir", options->folder, "The folder to write to; made where it is missing")
      ->type_name("DIR")
      ->required();
  command->add_option("--batch", options->batch, "Images in the input's shape")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Of the weights that the init net makes")
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--force", options->force, "Replace nets that are there");
  command->callback([options, chosen] { *chosen = [options] { return ExportModel(*options); }; });
}

}  // namespace

void AddModelsCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<ModelsOptions>();
  CLI::App* command = app.add_subcommand("models", "The networks that --net knows");
  AddJsonFlag(*command, &options->json);
  CLI::App* list = command->add_subcommand("list", "A row per network, as without a subcommand");
  list->fallthrough();
  AddShow(*command, options, chosen);
  AddExport(*command, options, chosen);
  command->require_subcommand(0, 1);
  command->callback([command, list, options, chosen] {
    // CLI11 calls this one after that of a subcommand.
    if (command->get_subcommands().empty() || list->parsed()) {
      *chosen = [options] { return ListModels(*options); };
    }
  });
}

}  // namespace synergy
