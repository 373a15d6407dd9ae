#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"
#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/output.h"
#include "client/commands/resume.h"
#include "client/commands/run_list.h"
#include "client/commands/submission.h"
#include "client/store/removal.h"
#include "client/store/store.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

struct FetchOptions {
  std::string host;
  std::string store;
  bool all = false;
};

// Jobs on the board that this store knows nothing of: those of other hosts and users. Not those
// that another command of this store is just submitting.
absl::StatusOr<std::vector<v1::JobStatus>> ForeignJobs(Store& store, BoardLink& link) {
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = link.List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  const auto submissions = store.Submissions(link.board().board_id());
  if (!submissions.ok()) return submissions.status();
  std::set<std::string> tokens;
  for (const Submission& submission : *submissions) tokens.insert(submission.token);
  const absl::StatusOr<std::vector<StoredRun>> runs = store.Runs();
  if (!runs.ok()) return runs.status();
  std::set<std::string> known;
  for (const StoredRun& run : *runs) {
    if (run.board_id == link.board().board_id()) known.insert(run.run_id);
  }
  std::vector<v1::JobStatus> foreign;
  for (const v1::JobStatus& job : *jobs) {
    const bool ours = known.contains(job.run_id()) || tokens.contains(job.spec().token());
    if (!ours) foreign.push_back(job);
  }
  return foreign;
}

absl::Status Fetch(const FetchOptions& options) {
  const absl::StatusOr<std::string> path = StorePath(options.store, /*create_folder=*/true);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  KeepReserve(*path);
  std::stop_source stop;
  // Jobs go on without us: the first signal ends the following, the second one everything.
  const Interrupts interrupts([&](int nth) {
    stop.request_stop();
    if (nth > 1) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  });
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  const absl::Status adopted = AdoptSubmissions(**store, (*link)->board(), **link, UnixNow());
  if (!adopted.ok()) return adopted;
  const absl::StatusOr<std::vector<v1::JobStatus>> foreign = ForeignJobs(**store, **link);
  if (!foreign.ok()) return foreign.status();
  if (options.all) {
    for (const v1::JobStatus& job : *foreign) {
      // What is brought here is gone for the store that started it: that one is still at it.
      if (job.state() == v1::JOB_STATE_QUEUED || job.state() == v1::JOB_STATE_RUNNING) {
        PrintNote(fmt::format("job {} has not ended and is left to who started it", job.run_id()));
        continue;
      }
      const auto put = (*store)->PutRun((*link)->board(), job);
      if (!put.ok()) return put.status();
    }
  } else if (!foreign->empty()) {
    PrintNote(
        fmt::format("the board holds {} run{} that this store did not start; --all takes them",
                    foreign->size(), foreign->size() == 1 ? "" : "s"));
  }
  const auto outcome = CompleteUnfinishedRuns(**store, (*link)->board(), **link, stop.get_token());
  if (!outcome.ok()) return outcome.status();
  if (outcome->completed.empty() && outcome->left.empty()) PrintNote("nothing to fetch");
  if (!outcome->completed.empty()) {
    const absl::Status written = WriteStdout(RunListText(outcome->completed));
    if (!written.ok()) return written;
  }
  if (outcome->left.empty()) return absl::OkStatus();
  return Ending(ExitCode::kPartial,
                absl::DataLossError(fmt::format("{} of the board's runs could not be completed",
                                                outcome->left.size())));
}

}  // namespace

void AddFetchCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<FetchOptions>();
  CLI::App* command = app.add_subcommand(
      "fetch", "Complete the runs of a board that an earlier command left unfinished");
  AddHostOption(*command, &options->host);
  AddStoreOption(*command, &options->store);
  command->add_flag("--all", options->all,
                    "Also take the ended runs on the board that were started from elsewhere; the "
                    "store that started one can then no longer complete it");
  command->callback([options, chosen] { *chosen = [options] { return Fetch(*options); }; });
}

}  // namespace synergy
