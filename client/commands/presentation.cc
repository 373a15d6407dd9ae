#include "client/commands/presentation.h"

#include <fmt/format.h>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/report/run_text.h"

namespace synergy {
namespace {

OpOrder OrderOf(const std::string& sort) {
  if (sort == "time") return OpOrder::kTime;
  return sort == "energy" ? OpOrder::kEnergy : OpOrder::kIndex;
}

}  // namespace

void SortOps(const std::string& sort, RunReport* report) { SortOps(OrderOf(sort), report); }

nlohmann::ordered_json RunDocument(const StoredRun& run, const RunReport& report) {
  return RunDocument(run.number, report);
}

absl::Status PrintRun(const StoredRun& run, RunReport report, const PresentationOptions& options,
                      const std::optional<v1::RunTruth>& truth) {
  SortOps(options.sort, &report);
  std::optional<TruthComparison> comparison;
  if (truth) comparison = CompareWithTruth(report, *truth);
  if (options.json) {
    nlohmann::ordered_json document = RunDocument(run, report);
    if (comparison) AddTruth(report, *comparison, &document);
    return WriteStdout(JsonText(document));
  }
  RunTextOptions text{.number = run.number,
                      .extra_columns = {},
                      .counts = options.counts,
                      .color = StdoutHasColor(),
                      .width = StdoutColumns()};
  if (comparison) text.extra_columns = TruthColumns(report, *comparison);
  const std::string errors = comparison ? TruthText(report, *comparison) : "";
  const std::string all = RunText(report, text) + errors;
  return options.pages ? WritePaged(all) : WriteText(all);
}

absl::Status Completeness(const StoredRun& run, const RunReport& report) {
  if (!report.partial) return absl::OkStatus();
  if (!report.damage.empty()) {
    return Ending(ExitCode::kPartial, absl::DataLossError(report.damage));
  }
  const std::string why = !report.error.empty() ? report.error
                          : !run.error.empty()  ? run.error
                                                : "its end has not come from the board yet";
  const char* remedy = run.unfinished() ? " synergyctl fetch asks the board for the rest." : "";
  return Ending(
      ExitCode::kPartial,
      absl::AbortedError(fmt::format(
          "run {} is partial ({}, {} of {}{} iterations): {}.{}", run.number, StateName(run.state),
          report.attribution.iterations, report.header.job().precision() > 0 ? "at least " : "",
          report.header.job().iterations(), why, remedy)));
}

}  // namespace synergy
