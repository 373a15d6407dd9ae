#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "client/commands/commands.h"
#include "client/commands/compared_runs.h"
#include "client/commands/exit_code.h"
#include "client/commands/export_run.h"
#include "client/commands/interrupts.h"
#include "client/commands/output.h"
#include "client/commands/presentation.h"
#include "client/commands/stored_meter.h"
#include "client/commands/stored_report.h"
#include "client/commands/user_file.h"
#include "client/report/page/report_page.h"
#include "client/report/page/run_timeline.h"

namespace synergy {
namespace {

struct ReportOptions {
  std::vector<std::string> runs;
  std::string store;
  std::string method{kMethodLeastSquares};
  std::string output;
};

// Each once, in the order in which they are named.
absl::StatusOr<std::vector<StoredRun>> RunsOf(Store& store, const std::vector<std::string>& texts) {
  const absl::StatusOr<std::vector<StoredRun>> stored = store.Runs();
  if (!stored.ok()) return stored.status();
  std::vector<StoredRun> runs;
  for (const std::string& text : texts) {
    const absl::StatusOr<std::vector<StoredRun>> named = ResolveRuns(*stored, text);
    if (!named.ok()) return named.status();
    for (const StoredRun& run : *named) {
      if (std::ranges::find(runs, run.number, &StoredRun::number) == runs.end()) {
        runs.push_back(run);
      }
    }
  }
  return runs;
}

absl::StatusOr<nlohmann::ordered_json> TimelineOf(const OpenedRun& run, const RunReport& report) {
  std::string damage;  // which the report has said
  const auto meter = LoadMeter(*run.store, run.run.number, &damage);
  if (!meter.ok()) return meter.status();
  RunTimeline timeline(
      {.number = run.run.number, .report = report, .meter = *meter ? &**meter : nullptr});
  const absl::StatusOr<uint64_t> whole = ScanRun(run, timeline, /*stop=*/{});
  if (!whole.ok()) return whole.status();
  ExportWriter::Texts texts(1);
  const auto nothing_to_flush = [] { return absl::OkStatus(); };
  const absl::Status fed =
      WriteScanned(run, *whole, timeline, texts, nothing_to_flush, /*stop=*/{});
  if (!fed.ok()) return fed;
  if (const std::string left_out = timeline.left_out(); !left_out.empty()) {
    PrintNote(fmt::format("run {}: in its timeline {}", run.run.number, left_out));
  }
  return timeline.Json();
}

absl::Status WritePage(const std::string& output, const std::vector<nlohmann::ordered_json>& runs) {
  const std::string page = ReportPage(runs);
  return output == "-" ? WriteStdout(page) : WriteOutputFile(output, {page});
}

absl::Status Report(const ReportOptions& options) {
  if (options.output != "-") {
    if (absl::Status status = CheckOutputPath(options.output); !status.ok()) return status;
  }
  std::atomic<bool> writing = false;
  const Interrupts interrupts([&](int nth) {
    if (nth > 1 || !writing) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  });
  absl::StatusOr<std::unique_ptr<Store>> store = OpenStoredRuns(options.store);
  if (!store.ok()) return store.status();
  OpenedRun opened{.store = *std::move(store), .run = {}};
  const absl::StatusOr<std::vector<StoredRun>> named = RunsOf(*opened.store, options.runs);
  if (!named.ok()) return named.status();
  std::vector<nlohmann::ordered_json> runs;
  absl::Status complete;
  for (const StoredRun& run : *named) {
    opened.run = run;
    const absl::StatusOr<RunReport> report = LoadReport(*opened.store, run, options.method);
    if (!report.ok()) return report.status();
    absl::StatusOr<nlohmann::ordered_json> timeline = TimelineOf(opened, *report);
    if (!timeline.ok()) return timeline.status();
    runs.push_back(PageRun(run.number, *report, *std::move(timeline)));
    complete.Update(Completeness(run, *report));
  }
  writing = true;
  const absl::Status written = WritePage(options.output, runs);
  return written.ok() ? complete : written;
}

}  // namespace

void AddReportCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app.add_subcommand(
      "report", "Write stored runs as one HTML page: power over time, joules per operator");
  command
      ->add_option("runs", options->runs,
                   "Runs: number, tag (all that have it), run id, the beginning of one, or 'last'")
      ->type_name("RUN")
      ->required();
  command
      ->add_option("-o,--output", options->output,
                   "The page; it opens in a browser without a network (-: stdout)")
      ->type_name("FILE")
      ->required();
  AddMethodOption(*command, &options->method);
  AddStoreOption(*command, &options->store);
  command->callback([options, chosen] { *chosen = [options] { return Report(*options); }; });
}

}  // namespace synergy
