#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/run_list.h"
#include "client/store/store.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

absl::Status ListRuns(const RunsOptions& options) {
  const absl::StatusOr<std::string> path = StorePath(options.store, /*create_folder=*/false);
  if (!path.ok()) return path.status();
  std::vector<StoredRun> runs;
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kRead);
  if (absl::IsNotFound(store.status())) {
    PrintNote(std::string(store.status().message()));
  } else {
    if (!store.ok()) return store.status();
    absl::StatusOr<std::vector<StoredRun>> stored = (*store)->Runs();
    if (!stored.ok()) return stored.status();
    runs = *std::move(stored);
  }
  if (!options.json) return WritePaged(RunListText(runs));
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["store"] = *path;
  document["runs"] = RunListJson(runs);
  return WriteStdout(JsonText(document));
}

}  // namespace

void AddRunsCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<RunsOptions>();
  CLI::App* command = app.add_subcommand("runs", "List the stored runs");
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->json);
  AddPruneCommand(*command, options, chosen);
  command->callback([command, options, chosen] {
    // CLI11 calls this one after that of `runs prune`.
    if (command->get_subcommands().empty()) {
      *chosen = [options] { return ListRuns(*options); };
    }
  });
}

}  // namespace synergy
