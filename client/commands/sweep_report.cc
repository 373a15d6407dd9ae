#include "client/commands/sweep_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/presentation.h"
#include "client/commands/stored_report.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

struct DoneJob {
  StoredRun run;
  RunReport report;
};

class Verdicts {
 public:
  Verdicts(const SweepReportOptions& options, Store& store) : options_(options), store_(store) {}

  // Of the jobs that are done, with --wait; "" for others.
  std::string Of(const SweepJob& job) {
    if (job.outcome() != AttemptOutcome::kDone) {
      failed_ = failed_ || job.ended();
      return "";
    }
    if (!options_.waited) return "";  // computing them takes longer than to queue a job
    const absl::StatusOr<StoredRun> run = store_.Run(job.attempts.back().run.value_or(0));
    if (!run.ok()) return "";
    const ResultOptions& result = options_.result;
    absl::StatusOr<RunReport> report = LoadReport(store_, *run, result.method, result.limits);
    if (!report.ok()) {
      failed_ = true;
      return "unreadable";
    }
    failed_ = failed_ || !IsGood(report->verdict, result.require_valid);
    const std::string verdict(VerdictName(report->verdict));
    if (!result.sort.empty()) shown_.push_back({*run, *std::move(report)});
    return verdict;
  }
  std::string FailureOf(const SweepJob& job) { return synergy::FailureOf(store_, job); }
  bool failed() const { return failed_; }
  // Of those, where an order of their operators is given.
  const std::vector<DoneJob>& shown() const { return shown_; }

 private:
  const SweepReportOptions& options_;
  Store& store_;
  bool failed_ = false;
  std::vector<DoneJob> shown_;
};

// null: not asked for, or not done.
ordered_json ReportJson(const SweepJob& job, const SweepReportOptions& options,
                        const Verdicts& verdicts) {
  const int64_t number = job.attempts.empty() ? 0 : job.attempts.back().run.value_or(0);
  if (verdicts.shown().empty() || verdicts.shown().back().run.number != number) return nullptr;
  DoneJob done = verdicts.shown().back();
  SortOps(options.result.sort, &done.report);
  return RunDocument(done.run, done.report);
}

ordered_json SweepJson(const SweepReportOptions& options, const SweepPlan& plan, const Sweep& sweep,
                       Verdicts& verdicts) {
  ordered_json document;
  document["sweep"] = sweep.stored().sweep;
  document["name"] = sweep.stored().name;
  document["board"] = sweep.board_name();
  document["board_id"] = sweep.stored().board_id;
  document["jobs"] = ordered_json::array();
  for (size_t i = 0; i < sweep.jobs().size(); ++i) {
    const SweepJob& job = sweep.jobs()[i];
    ordered_json entry;
    entry["point"] = plan.file.jobs[i].point;
    entry["repetition"] = plan.file.jobs[i].repetition;
    entry["label"] = plan.file.jobs[i].label();
    entry["state"] = OutcomeName(job);
    entry["attempts"] = ordered_json::array();
    for (const StoredAttempt& attempt : job.attempts) {
      entry["attempts"].push_back(
          {{"run", attempt.run ? ordered_json(*attempt.run) : ordered_json(nullptr)},
           {"interrupted", attempt.outcome == AttemptOutcome::kInterrupted}});
    }
    const std::string verdict = verdicts.Of(job);
    const std::string failure = verdicts.FailureOf(job);
    entry["error"] = failure.empty() ? ordered_json(nullptr) : ordered_json(failure);
    entry["verdict"] = verdict.empty() ? ordered_json(nullptr) : ordered_json(verdict);
    entry["report"] = ReportJson(job, options, verdicts);
    document["jobs"].push_back(std::move(entry));
  }
  return document;
}

std::string SweepText(const SweepPlan& plan, const Sweep& sweep, Verdicts& verdicts) {
  using Align = TextTable::Align;
  TextTable table({{"job"},
                   {"what", Align::kLeft},
                   {"run"},
                   {"attempts"},
                   {"state", Align::kLeft},
                   {"verdict", Align::kLeft}});
  for (size_t i = 0; i < sweep.jobs().size(); ++i) {
    const SweepJob& job = sweep.jobs()[i];
    const bool has_run = !job.attempts.empty() && job.attempts.back().run.has_value();
    table.AddRow({fmt::format("{}", i + 1), Printable(plan.file.jobs[i].label()),
                  has_run ? fmt::format("{}", *job.attempts.back().run) : "-",
                  fmt::format("{}", job.attempts.size()), std::string(OutcomeName(job)),
                  verdicts.Of(job)});
  }
  std::string text =
      fmt::format("sweep {} ({}) on {}\n{}", sweep.stored().sweep, Printable(sweep.stored().name),
                  Printable(sweep.board_name()), table.Text());
  for (size_t i = 0; i < sweep.jobs().size(); ++i) {
    const std::string failure = verdicts.FailureOf(sweep.jobs()[i]);
    if (!failure.empty()) text += fmt::format("job {}: {}\n", i + 1, failure);
  }
  return text;
}

absl::Status PrintReports(const Verdicts& verdicts, const std::string& sort) {
  for (const DoneJob& done : verdicts.shown()) {
    const absl::Status printed = PrintRun(done.run, done.report, {.sort = sort});
    if (!printed.ok()) return printed;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PresentSweeps(const SweepReportOptions& options, const SweepPlan& plan,
                           const std::vector<const Sweep*>& sweeps, Store& store) {
  Verdicts verdicts(options, store);
  std::string text;
  ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["sweeps"] = ordered_json::array();
  for (const Sweep* sweep : sweeps) {
    if (sweep->jobs().empty()) continue;  // its board was not reached, or is not ours to use
    if (options.json) {
      document["sweeps"].push_back(SweepJson(options, plan, *sweep, verdicts));
    } else {
      text += SweepText(plan, *sweep, verdicts);
    }
  }
  absl::Status written = WriteStdout(options.json ? JsonText(document) : text);
  if (written.ok() && !options.json) written = PrintReports(verdicts, options.result.sort);
  if (!written.ok() || !verdicts.failed()) return written;
  return Ending(ExitCode::kFailedCheck,
                absl::AbortedError("not every job of the sweep is done and good"));
}

}  // namespace synergy
