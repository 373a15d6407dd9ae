#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <string>

#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/import_spool.h"
#include "client/commands/import_traces.h"
#include "client/commands/interrupts.h"
#include "client/commands/presentation.h"
#include "client/commands/stored_report.h"

namespace synergy {
namespace {

struct ImportOptions {
  std::string folder;
  TraceFiles traces;
  std::string spool;
  std::string store;
  std::string method{kMethodLeastSquares};
  PresentationOptions presentation;
};

absl::Status CheckOptions(const ImportOptions& options) {
  const TraceFiles& traces = options.traces;
  const auto wrong = [](const char* what) {
    return Ending(ExitCode::kUsage, absl::InvalidArgumentError(what));
  };
  const bool any_file = !traces.samples.empty() || !traces.markers.empty() ||
                        !traces.sensor.empty() || !traces.operators.empty() ||
                        !traces.records.empty();
  if (!options.spool.empty()) {
    return any_file || !traces.net.empty() || !options.folder.empty()
               ? wrong("--spool is a whole run: it takes no FOLDER, no files and no --net")
               : absl::OkStatus();
  }
  if (!options.folder.empty()) {
    return any_file ? wrong(
                          "a folder has its files: it takes no --samples, --markers, --sensor, "
                          "--operators, --records")
                    : absl::OkStatus();
  }
  if (traces.samples.empty() || traces.markers.empty()) {
    return wrong("a folder is needed, or --samples and --markers, both, or --spool");
  }
  return absl::OkStatus();
}

absl::Status Present(const ImportOptions& options, RunImport& import) {
  const absl::StatusOr<StoredRun> run = import.store().Run(import.number());
  if (!run.ok()) return run.status();
  PrintNote(fmt::format("imported as run {}: {} ({})", run->number, run->net, run->board_title));
  const absl::StatusOr<RunReport> report = LoadReport(import.store(), *run, options.method);
  if (!report.ok()) return report.status();
  if (absl::Status printed = PrintRun(*run, *report, options.presentation); !printed.ok()) {
    return printed;
  }
  const absl::Status complete = Completeness(*run, *report);
  if (!complete.ok() || report->verdict != v1::VERDICT_INVALID) return complete;
  const std::string reason = report->reasons.empty() ? "no reason given" : report->reasons.front();
  return Ending(ExitCode::kFailedCheck,
                absl::AbortedError(fmt::format("run {} is INVALID ({}): do not use its numbers.",
                                               run->number, reason)));
}

absl::StatusOr<RunImport> StoreRun(const ImportOptions& options, std::stop_token stop) {
  if (!options.spool.empty()) return ImportSpool(options.spool, options.store, stop);
  if (options.folder.empty()) return ImportTraces(options.traces, options.store, stop);
  TraceFiles files = TraceFilesOf(options.folder);
  files.net = options.traces.net;
  return ImportTraces(files, options.store, stop);
}

absl::Status Import(const ImportOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  std::stop_source stop;
  std::atomic<bool> stored = false;
  const Interrupts interrupts([&](int nth) {
    stop.request_stop();
    if (nth > 1 || stored) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  });
  absl::StatusOr<RunImport> import = StoreRun(options, stop.get_token());
  stored = true;
  return import.ok() ? Present(options, *import) : import.status();
}

}  // namespace

void AddImportCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* command = app.add_subcommand(
      "import", "Store what another meter or tool measured, or a run's records from a file");
  command
      ->add_option("folder", options->folder,
                   "What export --traces or --format csv has written: the files below by their "
                   "names there, as far as they are there")
      ->type_name("FOLDER");
  command
      ->add_option("--samples", options->traces.samples,
                   "Power: rail,window_begin_ns,window_end_ns,power_w (docs/traces.md)")
      ->type_name("FILE.csv");
  command
      ->add_option("--markers", options->traces.markers,
                   "What ran when, by the same clock: op,type,iteration,begin_ns,end_ns")
      ->type_name("FILE.csv");
  command
      ->add_option("--sensor", options->traces.sensor,
                   "What is known of the sensor: filter, noise, steps, how well its windows are "
                   "known; without it windows are exact")
      ->type_name("FILE.toml");
  command
      ->add_option("--operators", options->traces.operators,
                   "What else is known of the operators: index,name,type, shapes and costs")
      ->type_name("FILE.csv");
  command
      ->add_option("--records", options->traces.records,
                   "The run's other records, records.jsonl: clocks, temperatures, gaps, what the "
                   "job was; samples and markers are then those of its channels and operators")
      ->type_name("FILE.jsonl");
  command->add_option("--net", options->traces.net, "The network's name")->type_name("NAME");
  command
      ->add_option("--spool", options->spool,
                   "A run's records as synergy-sim or synergyd wrote them; its truth is in "
                   "FILE.truth where there is one")
      ->type_name("FILE");
  AddMethodOption(*command, &options->method);
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->presentation.json);
  AddSortOption(*command, &options->presentation.sort);
  command->callback([options, chosen] { *chosen = [options] { return Import(*options); }; });
}

}  // namespace synergy
