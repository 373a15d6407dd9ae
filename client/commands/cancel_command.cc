#include <fmt/format.h>

#include <memory>
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
  std::string run;
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

absl::Status Cancel(const CancelOptions& options) {
  const absl::StatusOr<std::vector<StoredRun>> stored = RunsOfStore(options.store);
  if (!stored.ok()) return stored.status();
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = (*link)->client()->List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  const absl::StatusOr<v1::JobStatus> job =
      ResolveJob(*jobs, *stored, (*link)->board().board_id(), options.run);
  if (!job.ok()) {
    return Ending(absl::IsFailedPrecondition(job.status()) ? ExitCode::kRefused : ExitCode::kUsage,
                  job.status());
  }
  const absl::StatusOr<v1::JobStatus> cancelled = (*link)->client()->Cancel(job->run_id());
  if (!cancelled.ok()) return FromDevice(cancelled.status());
  return WriteStdout(fmt::format("cancelled {} ({}); synergyctl fetch brings its records\n",
                                 Printable(job->run_id()), Printable(job->spec().net_name())));
}

}  // namespace

void AddCancelCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<CancelOptions>();
  CLI::App* command = app.add_subcommand("cancel", "End a queued or running job on the board");
  command
      ->add_option("run", options->run,
                   "Number or tag of the run in the store, or its id (or the beginning of it) as "
                   "synergyctl board shows it")
      ->type_name("RUN")
      ->required();
  AddHostOption(*command, &options->host);
  AddStoreOption(*command, &options->store);
  command->callback([options, chosen] { *chosen = [options] { return Cancel(*options); }; });
}

}  // namespace synergy
