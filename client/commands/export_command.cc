#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/export_run.h"
#include "client/commands/interrupts.h"
#include "client/commands/presentation.h"
#include "client/commands/stored_meter.h"
#include "client/commands/stored_report.h"
#include "client/commands/user_file.h"
#include "client/export/export_formats.h"

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

absl::Status Wrong(const std::string& what) {
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(what));
}

// What --traces FOLDER means, too.
ExportPlace PlaceOf(const ExportOptions& options) {
  if (!options.traces.empty()) return {.path = options.traces, .is_folder = true};
  if (options.output == "-") return {};
  std::error_code error;
  const bool is_folder =
      options.format == "csv" &&
      (options.output.ends_with('/') || std::filesystem::is_directory(options.output, error));
  return {.path = options.output, .is_folder = is_folder};
}

absl::Status CheckPlace(const ExportOptions& options, const ExportPlace& place) {
  if (place.is_folder) return absl::OkStatus();
  if (options.force) return Wrong("--force is of folders: --output replaces a file anyway");
  if (!place.path.empty()) return CheckOutputPath(place.path);
  if (!FindExportFormat(options.format)->is_binary || ::isatty(STDOUT_FILENO) != 1) {
    return absl::OkStatus();
  }
  return Wrong(fmt::format("{} is no text for a terminal: name a file with -o", options.format));
}

absl::Status CheckOptions(const ExportOptions& options) {
  if (options.traces.empty() && options.format.empty()) {
    std::string names;
    for (const ExportFormat& format : ExportFormats()) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", format.name);
    }
    return Wrong(fmt::format("--format ({}) or --traces is needed", names));
  }
  if (!options.traces.empty() && (!options.format.empty() || !options.output.empty())) {
    return Wrong("--traces writes files of its own: it takes no --format and no --output");
  }
  return CheckPlace(options, PlaceOf(options));
}

// Files of a run that was there before, which this one has not: import would take them.
void RemoveOthers(const std::string& folder, const std::vector<std::string>& files) {
  std::error_code error;
  for (const std::string& name : ExportFolderFiles()) {
    if (std::ranges::find(files, name) != files.end()) continue;
    std::filesystem::remove(std::filesystem::path(folder) / name, error);
  }
}

absl::Status Write(const ExportOptions& options, const OpenedRun& opened, const RunReport& report,
                   std::atomic<bool>* writing, std::stop_token stop) {
  const ExportPlace place = PlaceOf(options);
  std::string damage;  // which the report has said
  const auto meter = LoadMeter(*opened.store, opened.run.number, &damage);
  if (!meter.ok()) return meter.status();
  const ExportedRun run{
      .number = opened.run.number, .report = report, .meter = *meter ? &**meter : nullptr};
  const std::unique_ptr<ExportWriter> writer =
      MakeExportWriter(options.traces.empty() ? options.format : "csv", place.is_folder, run);
  *writing = true;
  const absl::Status written = ExportRun(opened, *writer, place, std::move(stop));
  if (written.ok() && place.is_folder) RemoveOthers(place.path, writer->files());
  return written;
}

absl::Status Export(const ExportOptions& options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  const ExportPlace place = PlaceOf(options);
  if (place.is_folder) {
    const absl::Status folder = CheckExportFolder(place.path, ExportFolderFiles(), options.force);
    if (!folder.ok()) return folder;
  }
  std::stop_source stop;
  std::atomic<bool> writing = false;
  const Interrupts interrupts([&](int nth) {
    stop.request_stop();
    if (nth > 1 || !writing) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  });
  const absl::StatusOr<OpenedRun> opened = OpenRun(options.store, options.run);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<RunReport> report = LoadReport(*opened->store, opened->run, options.method);
  if (!report.ok()) return report.status();
  const absl::Status written = Write(options, *opened, *report, &writing, stop.get_token());
  if (!written.ok()) return written;
  if (options.format == "csv" && !place.path.empty() && !place.is_folder &&
      !place.path.ends_with(".csv")) {
    PrintNote(fmt::format("{0} is a table of operators; -o {0}/ writes the files that import reads",
                          place.path));
  }
  return Completeness(opened->run, *report);
}

}  // namespace

void AddExportCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command =
      app.add_subcommand("export", "Write a stored run for other tools: traces, tables, documents");
  command->add_option("run", options->run, "Number, tag, run id, the beginning of one, or 'last'")
      ->type_name("RUN")
      ->required();
  std::vector<std::string> names;
  for (const ExportFormat& format : ExportFormats()) names.emplace_back(format.name);
  command
      ->add_option("--format", options->format,
                   "perfetto or chrome (a timeline for ui.perfetto.dev), csv (a row per operator; "
                   "with -o FOLDER/ the files that import reads), json, jsonl (every record), "
                   "markdown or latex (tables)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember(names));
  command
      ->add_option("-o,--output", options->output,
                   "Write into this file instead of stdout (-); of csv also into a folder")
      ->type_name("FILE");
  command
      ->add_option("--traces", options->traces,
                   "Write the run into this folder, as samples.csv, markers.csv, operators.csv, "
                   "sensor.toml and records.jsonl, which import reads (docs/traces.md)")
      ->type_name("FOLDER");
  command->add_flag("--force", options->force, "Replace the traces that the folder has already");
  AddMethodOption(*command, &options->method);
  AddStoreOption(*command, &options->store);
  command->callback([options, chosen] { *chosen = [options] { return Export(*options); }; });
}

}  // namespace synergy
