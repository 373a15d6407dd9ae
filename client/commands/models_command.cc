#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/output.h"
#include "client/models/zoo.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json ModelJson(const ZooEntry& entry, const Model& model) {
  ordered_json json;
  json["name"] = entry.name;
  json["variant"] = entry.variant;
  json["paper"] = entry.paper;
  json["input"] = entry.input;
  json["layers"] = model.layers.size();
  json["macs"] = model.total.macs;
  json["flops"] = model.total.flops;
  json["params"] = model.total.params;
  json["activation_bytes"] = model.activation_bytes;
  return json;
}

std::string ModelsText(const std::vector<Model>& models) {
  TextTable table(
      {{"name", TextTable::Align::kLeft}, {"input"}, {"layers"}, {"MMACs"}, {"Mparams"}});
  for (size_t i = 0; i < models.size(); ++i) {
    const ZooEntry& entry = Zoo()[i];
    const OpCost& total = models[i].total;
    table.AddRow({std::string(entry.name), fmt::format("{}", fmt::join(entry.input, "x")),
                  fmt::format("{}", models[i].layers.size()),
                  fmt::format("{:.1f}", static_cast<double>(total.macs) * 1e-6),
                  fmt::format("{:.2f}", static_cast<double>(total.params) * 1e-6)});
  }
  // Below the table, which would be too wide for a terminal with it.
  std::string text = table.Text();
  for (const ZooEntry& entry : Zoo()) text += fmt::format("\n{}: {}", entry.name, entry.variant);
  return text + "\n";
}

absl::Status ListModels(bool json) {
  // For one image; nothing that is listed depends on the seed.
  std::vector<Model> models;
  for (const ZooEntry& entry : Zoo()) {
    absl::StatusOr<Model> model = entry.build(1, 1);
    if (!model.ok()) return model.status();
    models.push_back(*std::move(model));
  }
  if (!json) return WriteStdout(ModelsText(models));
  ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["models"] = ordered_json::array();
  for (size_t i = 0; i < models.size(); ++i) {
    document["models"].push_back(ModelJson(Zoo()[i], models[i]));
  }
  return WriteStdout(JsonText(document));
}

}  // namespace

void AddModelsCommand(CLI::App& app, ChosenCommand* chosen) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("models", "List the networks that --net knows");
  AddJsonFlag(*command, json.get());
  command->callback([json, chosen] { *chosen = [json] { return ListModels(*json); }; });
}

}  // namespace synergy
