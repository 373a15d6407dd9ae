#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <ranges>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"
#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/run_resolution.h"
#include "client/report/text_table.h"
#include "client/store/store.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

struct CancelOptions {
  std::string host;
  std::string store;
  std::vector<std::string> runs;
  bool mine = false;
};

// The runs of this store, if there is one: jobs can be cancelled from any host.
absl::StatusOr<std::vector<StoredRun>> RunsOfStore(const std::string& option) {
  const absl::StatusOr<std::string> path = StorePath(option, /*create_folder=*/false);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kRead);
  if (absl::IsNotFound(store.status())) return std::vector<StoredRun>();
  if (!store.ok()) return store.status();
  return (*store)->Runs();
}

// Of this store, and not ended. The last one first, so that none begins meanwhile.
std::vector<v1::JobStatus> JobsOfStore(const BoardJobs& board,
                                       const std::vector<StoredRun>& stored) {
  std::vector<v1::JobStatus> own;
  for (const v1::JobStatus& job : board.jobs | std::views::reverse) {
    const bool ours = std::ranges::any_of(stored, [&](const StoredRun& run) {
      return run.board_id == board.board_id && run.run_id == job.run_id();
    });
    const bool goes_on =
        job.state() == v1::JOB_STATE_QUEUED || job.state() == v1::JOB_STATE_RUNNING;
    if (ours && goes_on) own.push_back(job);
  }
  return own;
}

// All that are meant, or none.
absl::StatusOr<std::vector<v1::JobStatus>> Meant(const CancelOptions& options,
                                                 const BoardJobs& board,
                                                 const std::vector<StoredRun>& stored) {
  if (options.mine) return JobsOfStore(board, stored);
  std::vector<v1::JobStatus> jobs;
  for (const std::string& run : options.runs) {
    const absl::StatusOr<v1::JobStatus> job = ResolveJob(board, stored, run);
    if (!job.ok()) {
      return Ending(
          absl::IsFailedPrecondition(job.status()) ? ExitCode::kRefused : ExitCode::kUsage,
          job.status());
    }
    jobs.push_back(*job);
  }
  return jobs;
}

absl::Status CancelOne(DeviceClient& client, const v1::JobStatus& job) {
  const std::string name =
      fmt::format("{} ({})", Printable(job.run_id()), Printable(job.spec().net_name()));
  const absl::StatusOr<v1::JobStatus> now = client.Cancel(job.run_id());
  if (!now.ok()) {
    return FromDevice(absl::Status(
        now.status().code(), fmt::format("{}: {}", name, std::string(now.status().message()))));
  }
  const bool ended = now->state() == v1::JOB_STATE_DONE || now->state() == v1::JOB_STATE_FAILED;
  return WriteStdout(fmt::format("{} {}; synergyctl fetch brings its records\n",
                                 ended ? "had ended before:" : "cancelled", name));
}

absl::Status Cancel(const CancelOptions& options) {
  if (options.mine != options.runs.empty()) {
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError("name the jobs to cancel, or give --mine"));
  }
  const absl::StatusOr<std::vector<StoredRun>> stored = RunsOfStore(options.store);
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  const absl::StatusOr<BoardJobs> board = (*link)->Jobs();
  if (!board.ok()) return board.status();
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = Meant(options, *board, *stored);
  if (!jobs.ok()) return jobs.status();
  if (jobs->empty()) PrintNote("nothing to cancel: no job of this store waits or runs there");
  absl::Status failed;  // the first one that did
  for (const v1::JobStatus& job : *jobs) {
    const absl::Status cancelled = CancelOne(*(*link)->client(), job);
    if (ExitCodeOf(cancelled) == ExitCode::kNotReached) return cancelled;
    if (!failed.ok() && !cancelled.ok()) PrintNote(std::string(cancelled.message()));
    failed.Update(cancelled);
  }
  return failed;
}

}  // namespace

void AddCancelCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<CancelOptions>();
  CLI::App* command = app.add_subcommand("cancel", "End queued or running jobs on the board");
  command
      ->add_option("run", options->runs,
                   "Numbers or tags of runs in the store, or ids (or their beginnings) as "
                   "synergyctl jobs shows them")
      ->type_name("RUN");
  command->add_flag("--mine", options->mine,
                    "All jobs on the board that this store's commands have started");
  AddHostOption(*command, &options->host);
  AddStoreOption(*command, &options->store);
  command->callback([options, chosen] { *chosen = [options] { return Cancel(*options); }; });
}

}  // namespace synergy
