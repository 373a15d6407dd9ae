#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/prune_check.h"
#include "client/commands/run_list.h"
#include "client/commands/submission.h"
#include "client/report/text_table.h"
#include "client/store/prune.h"
#include "client/store/removal.h"
#include "client/store/run_claim.h"
#include "client/store/store.h"
#include "client/store/store_path.h"
#include "client/store/truth_store.h"

namespace synergy {
namespace {

struct PruneOptions {
  std::shared_ptr<const RunsOptions> shared;
  PruneRule rule;
  std::string host;
  bool force = false;
  bool dry_run = false;
};

absl::StatusOr<BoardAnswer> AskBoard(const std::string& host) {
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(host);
  if (!link.ok()) return link.status();
  absl::StatusOr<std::vector<v1::JobStatus>> jobs = (*link)->List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  return BoardAnswer{(*link)->board().board_id(), *std::move(jobs)};
}

// Incomplete runs that their board can still complete stay, each with a line on stderr. The board
// is asked only where it matters.
absl::StatusOr<PruneChoice> SpareUnfinished(const PruneOptions& options,
                                            std::vector<StoredRun> selected) {
  const bool matters =
      !options.force && std::any_of(selected.begin(), selected.end(), [](const StoredRun& run) {
        return !run.complete && !run.abandoned;
      });
  if (!matters) return PruneChoice{.go = std::move(selected), .stays = {}};
  const absl::StatusOr<BoardAnswer> answer = AskBoard(options.host);
  if (ExitCodeOf(answer.status()) == ExitCode::kUsage) return answer.status();
  PruneChoice choice = SpareWhatBoardsHave(selected, answer);
  for (const std::string& line : choice.stays) PrintNote(line);
  return choice;
}

absl::Status Ended(const PruneChoice& choice) {
  if (choice.all_known) return absl::OkStatus();
  return Ending(ExitCode::kNotReached,
                absl::UnavailableError("some runs stay because their board could not be asked: "
                                       "start its daemon, name it with --host, or give --force."));
}

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
  if (access(TruthStore::PathBeside(path).c_str(), F_OK) != 0) return absl::OkStatus();
  const auto truths = TruthStore::Open(path, StoreAccess::kWrite);
  if (!truths.ok()) return truths.status();
  for (const StoredRun& run : runs) {
    const absl::Status status = (*truths)->Delete(run.board_id, run.run_id);
    if (!status.ok()) return status;
  }
  return (*truths)->GiveBackSpace();
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

// Only --force takes what its board may still have, and does not ask the board.
void SayWhatStaysOnBoards(const std::vector<StoredRun>& gone) {
  for (const StoredRun& run : gone) {
    if (run.complete || run.abandoned) continue;
    PrintNote(fmt::format(
        "run {} is removed from this store alone: if its board ({}) still has it, synergyctl "
        "cancel {} ends its job there, and synergyctl fetch --all brings its records again and "
        "clears them from the board",
        run.number, Printable(run.board_name), Printable(run.run_id)));
  }
}

absl::Status Remove(const PruneOptions& options, const std::string& path,
                    const std::vector<StoredRun>& runs) {
  std::vector<RunClaim> claims;
  const absl::StatusOr<std::vector<StoredRun>> claimed = Claim(path, runs, &claims);
  if (!claimed.ok()) return claimed.status();
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  const absl::StatusOr<std::vector<StoredRun>> now = (*store)->Runs();
  if (!now.ok()) return now.status();
  const std::vector<StoredRun> going = StillAsSelected(*claimed, *now);
  std::vector<int64_t> numbers;
  for (const StoredRun& run : going) numbers.push_back(run.number);
  // A truth without its run would be found by nothing any more.
  if (absl::Status status = DeleteTruths(path, going); !status.ok()) return status;
  if (absl::Status status = (*store)->Delete(numbers); !status.ok()) return status;
  SayWhatStaysOnBoards(going);
  return Print(options, going);
}

absl::Status PruneStore(const PruneOptions& options, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path, StoreAccess::kRead);
  if (absl::IsNotFound(store.status())) return Print(options, {});
  if (!store.ok()) return store.status();
  const absl::StatusOr<std::vector<StoredRun>> runs = (*store)->Runs();
  if (!runs.ok()) return runs.status();
  const absl::StatusOr<PruneChoice> choice =
      SpareUnfinished(options, SelectForPruning(*runs, options.rule, UnixNow()));
  if (!choice.ok()) return choice.status();
  const absl::Status done = options.dry_run || choice->go.empty()
                                ? Print(options, choice->go)
                                : Remove(options, path, choice->go);
  return done.ok() ? Ended(*choice) : done;
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
  if (options.dry_run) return PruneStore(options, *path);
  const OpenedReserve reserve(*path);
  const absl::Status pruned = PruneStore(options, *path);
  if (!absl::IsResourceExhausted(pruned)) return pruned;
  return absl::Status(
      pruned.code(),
      fmt::format("{} To remove runs, {} MB of it must be free first: SQLite notes what it is "
                  "going to change before it does.",
                  std::string(pruned.message()), kRemovalBytes >> 20));
}

}  // namespace

void AddPruneCommand(CLI::App& runs, std::shared_ptr<const RunsOptions> shared,
                     ChosenCommand* chosen) {
  auto options = std::make_shared<PruneOptions>();
  options->shared = std::move(shared);
  CLI::App* command = runs.add_subcommand(
      "prune",
      "Remove stored runs for good: those to which all that is given applies and that have no tag");
  command->add_option("--older-than", options->rule.older_than_days, "Runs older than this")
      ->type_name("DAYS")
      ->check(NotNegative());
  command->add_option("--keep", options->rule.keep, "All but the newest N runs")
      ->type_name("N")
      ->check(NotNegative());
  CLI::Option* incomplete =
      command->add_flag("--incomplete", options->rule.incomplete,
                        "Runs that did not come whole, which stay otherwise; not those that their "
                        "board can still complete: it is asked");
  command
      ->add_flag("--force", options->force,
                 "With --incomplete: also what the board can complete, without asking it; what the "
                 "board has of it stays there")
      ->needs(incomplete);
  AddHostOption(*command, &options->host);
  command->add_flag("--dry-run", options->dry_run, "Only show what would go");
  command->fallthrough();
  command->footer("--store and --json as for synergyctl runs");
  command->callback([options, chosen] { *chosen = [options] { return Prune(*options); }; });
}

}  // namespace synergy
