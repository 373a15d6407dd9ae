#include <memory>
#include <string>

#include "client/analysis/report_csv.h"
#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/export_traces.h"
#include "client/commands/output.h"
#include "client/commands/presentation.h"
#include "client/commands/stored_report.h"
#include "client/commands/user_file.h"

namespace synergy {
namespace {

struct ExportOptions {
  std::string run;
  std::string store;
  std::string method{kMethodLeastSquares};
  std::string format;
  std::string output;
  std::string traces;
  bool force = false;
};

absl::Status CheckOptions(const ExportOptions& options) {
  const auto wrong = [](const char* what) {
    return Ending(ExitCode::kUsage, absl::InvalidArgumentError(what));
  };
  if (options.traces.empty()) {
    if (options.force) return wrong("--force is of --traces: --output replaces a file anyway");
    if (options.format.empty()) return wrong("--format csv, --format json or --traces is needed");
    return options.output.empty() ? absl::OkStatus() : CheckOutputPath(options.output);
  }
  if (!options.format.empty() || !options.output.empty()) {
    return wrong("--traces writes three files of its own: it takes no --format and no --output");
  }
  return CheckTracesFolder(options.traces, options.force);
}

absl::Status Export(const ExportOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  const absl::StatusOr<OpenedRun> opened = OpenRun(options.store, options.run);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<RunReport> report = LoadReport(*opened->store, opened->run, options.method);
  if (!report.ok()) return report.status();
  if (!options.traces.empty()) {
    const absl::Status written = ExportTraces(*opened, *report, options.traces);
    return written.ok() ? Completeness(opened->run, *report) : written;
  }
  const std::string text =
      options.format == "csv" ? ReportCsv(*report) : JsonText(RunDocument(opened->run, *report));
  const absl::Status written =
      options.output.empty() ? WriteStdout(text) : WriteOutputFile(options.output, {text});
  return written.ok() ? Completeness(opened->run, *report) : written;
}

}  // namespace

void AddExportCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "Write a stored run as CSV, JSON or traces");
  command->add_option("run", options->run, "Number, tag, run id, the beginning of one, or 'last'")
      ->type_name("RUN")
      ->required();
  command->add_option("--format", options->format, "csv (a row per operator) or json")
      ->check(CLI::IsMember({"csv", "json"}));
  command->add_option("-o,--output", options->output, "Write into this file instead of stdout")
      ->type_name("FILE");
  command
      ->add_option("--traces", options->traces,
                   "Write the run's readings and markers into this folder, as samples.csv, "
                   "markers.csv and sensor.toml, which import reads (docs/traces.md)")
      ->type_name("FOLDER");
  command->add_flag("--force", options->force, "Replace the traces that the folder has already");
  AddMethodOption(*command, &options->method);
  AddStoreOption(*command, &options->store);
  command->callback([options, chosen] { *chosen = [options] { return Export(*options); }; });
}

}  // namespace synergy
