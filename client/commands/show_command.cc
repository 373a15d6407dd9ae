#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/presentation.h"
#include "client/commands/stored_report.h"
#include "client/store/truth_store.h"

namespace synergy {
namespace {

struct ShowOptions {
  std::string run;
  std::string store;
  std::string method{kMethodLeastSquares};
  bool truth = false;
  RecordLimits limits;
  PresentationOptions presentation;
};

absl::StatusOr<v1::RunTruth> LoadTruth(const Store& store, const StoredRun& run) {
  if (!run.simulated) {
    return absl::FailedPreconditionError(fmt::format(
        "run {} was measured on a real board ({}): nobody knows its truth. --truth is for runs of "
        "simulated boards.",
        run.number, run.board_title));
  }
  const absl::Status missing = absl::FailedPreconditionError(fmt::format(
      "the truth of run {} is not stored. {}", run.number,
      run.unfinished() ? "synergyctl fetch asks the board for it." : "Show it without --truth."));
  auto truths = TruthStore::Open(store.path(), StoreAccess::kRead);
  if (absl::IsNotFound(truths.status())) return missing;
  if (!truths.ok()) return truths.status();
  absl::StatusOr<v1::RunTruth> truth = (*truths)->Get(run.board_id, run.run_id);
  if (absl::IsNotFound(truth.status())) return missing;
  return truth;
}

absl::Status Show(const ShowOptions& options) {
  const absl::StatusOr<OpenedRun> opened = OpenRun(options.store, options.run);
  if (!opened.ok()) return opened.status();
  std::optional<v1::RunTruth> truth;
  if (options.truth) {
    absl::StatusOr<v1::RunTruth> loaded = LoadTruth(*opened->store, opened->run);
    if (!loaded.ok()) return loaded.status();
    truth = *std::move(loaded);
  }
  const absl::StatusOr<RunReport> report =
      LoadReport(*opened->store, opened->run, options.method, options.limits);
  if (!report.ok()) return report.status();
  const absl::Status printed = PrintRun(opened->run, *report, options.presentation, truth);
  return printed.ok() ? Completeness(opened->run, *report) : printed;
}

}  // namespace

void AddShowCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command = app.add_subcommand("show", "Show a stored run: time and joules per operator");
  command->add_option("run", options->run, "Number, tag, run id, the beginning of one, or 'last'")
      ->type_name("RUN")
      ->required();
  options->presentation.pages = true;
  AddMethodOption(*command, &options->method);
  AddLimitOption(*command, &options->limits);
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->presentation.json);
  AddSortOption(*command, &options->presentation.sort);
  command->add_flag("--counters", options->presentation.counts,
                    "Also the events that were counted (run --events), of the mean execution");
  command->add_flag("--truth", options->truth,
                    "Simulated boards only: true joules and the error of the estimate");
  command->callback([options, chosen] { *chosen = [options] { return Show(*options); }; });
}

}  // namespace synergy
