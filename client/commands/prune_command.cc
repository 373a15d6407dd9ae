#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/run_list.h"
#include "client/store/prune.h"
#include "client/store/run_claim.h"
#include "client/store/store.h"
#include "client/store/store_path.h"
#include "client/store/truth_store.h"

namespace synergy {
namespace {

struct PruneOptions {
  std::shared_ptr<const RunsOptions> shared;
  PruneRule rule;
  bool dry_run = false;
};

// Runs that another synergyctl is just receiving stay. The claims hold until the deletion is done.
absl::StatusOr<std::vector<StoredRun>> Claim(const std::string& path,
                                             const std::vector<StoredRun>& runs,
                                             std::vector<RunClaim>* claims) {
  std::vector<StoredRun> claimed;
  for (const StoredRun& run : runs) {
    absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(path, run.number);
    if (!claim.ok()) return claim.status();
    if (!*claim) {
      PrintNote(fmt::format("run {} stays: another synergyctl is receiving it", run.number));
      continue;
    }
    claims->push_back(**std::move(claim));
    claimed.push_back(run);
  }
  return claimed;
}

absl::Status DeleteTruths(const std::string& path, const std::vector<StoredRun>& runs) {
  auto truths = TruthStore::Open(path, StoreAccess::kRead);
  if (absl::IsNotFound(truths.status())) return absl::OkStatus();
  if (!truths.ok()) return truths.status();
  for (const StoredRun& run : runs) {
    const absl::Status status = (*truths)->Delete(run.board_id, run.run_id);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Print(const PruneOptions& options, const std::vector<StoredRun>& runs) {
  uint64_t bytes = 0;
  for (const StoredRun& run : runs) bytes += run.bytes;
  if (options.shared->json) {
    nlohmann::ordered_json document;
    document["schema_version"] = kReportSchemaVersion;
    document["dry_run"] = options.dry_run;
    document["bytes"] = bytes;
    document["pruned"] = RunListJson(runs);
    return WriteStdout(JsonText(document));
  }
  return WriteStdout(RunListText(runs) + fmt::format("{} {} run{}, {:.1f} MB of records\n",
                                                     options.dry_run ? "would remove" : "removed",
                                                     runs.size(), runs.size() == 1 ? "" : "s",
                                                     static_cast<double>(bytes) * 1e-6));
}

absl::Status Prune(const PruneOptions& options) {
  if (options.rule.empty()) {
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(
                      "say which runs are to go: --older-than DAYS, --keep N or --incomplete "
                      "(--dry-run shows what would)."));
  }
  const absl::StatusOr<std::string> path =
      StorePath(options.shared->store, /*create_folder=*/false);
  if (!path.ok()) return path.status();
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kRead);
  if (absl::IsNotFound(store.status())) return Print(options, {});
  if (!store.ok()) return store.status();
  const absl::StatusOr<std::vector<StoredRun>> runs = (*store)->Runs();
  if (!runs.ok()) return runs.status();
  const int64_t now_unix_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count();
  const std::vector<StoredRun> selected = SelectForPruning(*runs, options.rule, now_unix_ns);
  if (options.dry_run || selected.empty()) return Print(options, selected);

  std::vector<RunClaim> claims;
  const absl::StatusOr<std::vector<StoredRun>> claimed = Claim(*path, selected, &claims);
  if (!claimed.ok()) return claimed.status();
  std::vector<int64_t> numbers;
  for (const StoredRun& run : *claimed) numbers.push_back(run.number);
  store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  if (absl::Status status = (*store)->Delete(numbers); !status.ok()) return status;
  if (absl::Status status = DeleteTruths(*path, *claimed); !status.ok()) return status;
  return Print(options, *claimed);
}

}  // namespace

void AddPruneCommand(CLI::App& runs, std::shared_ptr<const RunsOptions> shared,
                     ChosenCommand* chosen) {
  auto options = std::make_shared<PruneOptions>();
  options->shared = std::move(shared);
  CLI::App* command = runs.add_subcommand(
      "prune", "Remove stored runs for good: those to which all that is given applies");
  command->add_option("--older-than", options->rule.older_than_days, "Runs older than this")
      ->type_name("DAYS")
      ->check(NotNegative());
  command->add_option("--keep", options->rule.keep, "All but the newest N runs")
      ->type_name("N")
      ->check(NotNegative());
  command->add_flag("--incomplete", options->rule.incomplete,
                    "Runs that did not come whole, which stay otherwise");
  command->add_flag("--dry-run", options->dry_run, "Only show what would go");
  command->fallthrough();
  command->footer("--store and --json as for synergyctl runs");
  command->callback([options, chosen] { *chosen = [options] { return Prune(*options); }; });
}

}  // namespace synergy
