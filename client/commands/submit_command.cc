#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/line_prefix.h"
#include "client/commands/output.h"
#include "client/commands/stored_report.h"
#include "client/commands/sweep.h"
#include "client/report/text_table.h"
#include "client/store/removal.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

struct SubmitOptions {
  std::string file;
  std::vector<std::string> hosts;
  std::string store;
  std::string method{kMethodLeastSquares};
  RecordLimits limits;
  bool wait = false;
  bool detach = false;
  bool require_valid = false;
  bool json = false;
};

struct HostSweep {
  std::string name;  // as it was given
  std::unique_ptr<Sweep> sweep;
  absl::Status status;
};

std::string_view OutcomeName(const SweepJob& job) {
  switch (job.outcome()) {
    case AttemptOutcome::kDone:
      return "done";
    case AttemptOutcome::kFailed:
      return "failed";
    case AttemptOutcome::kInterrupted:
      return "interrupted";
    case AttemptOutcome::kCancelled:
      return "cancelled";
    default:
      return job.on_board() ? "on board" : "not sent";
  }
}

// Of the jobs that are done, with --wait; "" for others.
class Verdicts {
 public:
  Verdicts(const SubmitOptions& options, Store& store) : options_(options), store_(store) {}

  std::string Of(const SweepJob& job) {
    if (job.outcome() != AttemptOutcome::kDone) {
      failed_ = failed_ || job.ended();
      return "";
    }
    if (!options_.wait) return "";  // computing them takes longer than to queue a job
    const absl::StatusOr<StoredRun> run = store_.Run(job.attempts.back().run.value_or(0));
    if (!run.ok()) return "";
    const absl::StatusOr<RunReport> report =
        LoadReport(store_, *run, options_.method, options_.limits);
    if (!report.ok()) {
      failed_ = true;
      return "unreadable";
    }
    const bool good = report->verdict == v1::VERDICT_VALID ||
                      (report->verdict == v1::VERDICT_SUSPECT && !options_.require_valid);
    failed_ = failed_ || !good;
    return std::string(VerdictName(report->verdict));
  }
  std::string FailureOf(const SweepJob& job) { return synergy::FailureOf(store_, job); }
  bool failed() const { return failed_; }

 private:
  const SubmitOptions& options_;
  Store& store_;
  bool failed_ = false;
};

ordered_json SweepJson(const SweepPlan& plan, const Sweep& sweep, Verdicts& verdicts) {
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

absl::Status Present(const SubmitOptions& options, const SweepPlan& plan,
                     const std::vector<HostSweep>& sweeps, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path, StoreAccess::kRead);
  if (!store.ok()) return store.status();
  Verdicts verdicts(options, **store);
  std::string text;
  ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["sweeps"] = ordered_json::array();
  for (const HostSweep& host : sweeps) {
    if (host.sweep->jobs().empty()) continue;  // its board was not reached, or is not ours to use
    if (options.json) {
      document["sweeps"].push_back(SweepJson(plan, *host.sweep, verdicts));
    } else {
      text += SweepText(plan, *host.sweep, verdicts);
    }
  }
  const absl::Status written = WriteStdout(options.json ? JsonText(document) : text);
  if (!written.ok() || !verdicts.failed()) return written;
  return Ending(ExitCode::kFailedCheck,
                absl::AbortedError("not every job of the sweep is done and good"));
}

// The first error that is not the user's own interrupt counts.
absl::Status Worst(const std::vector<HostSweep>& sweeps) {
  absl::Status worst;
  for (const HostSweep& host : sweeps) {
    if (worst.ok() || absl::IsCancelled(worst)) worst = host.status.ok() ? worst : host.status;
  }
  return worst;
}

absl::Status RequireDifferent(std::vector<std::string> hosts) {
  std::ranges::sort(hosts);
  const auto twice = std::ranges::adjacent_find(hosts);
  if (twice == hosts.end()) return absl::OkStatus();
  return Ending(ExitCode::kUsage, absl::InvalidArgumentError(
                                      fmt::format("--host {} is given more than once", *twice)));
}

absl::Status Submit(const SubmitOptions& options) {
  if (absl::Status different = RequireDifferent(options.hosts); !different.ok()) return different;
  const absl::StatusOr<SweepPlan> plan = ReadSweepPlan(options.file);
  if (!plan.ok()) return plan.status();
  const absl::StatusOr<std::string> path = StorePath(options.store, /*create_folder=*/true);
  if (!path.ok()) return path.status();
  // Here, and not in several threads at once.
  const absl::Status made = Store::Open(*path, StoreAccess::kWrite).status();
  if (!made.ok()) return made;
  KeepReserve(*path);
  std::stop_source stop;
  const Interrupts interrupts([&](int nth) {
    stop.request_stop();
    if (nth > 1) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  });
  std::vector<HostSweep> sweeps;
  for (const std::string& host :
       options.hosts.empty() ? std::vector<std::string>{""} : options.hosts) {
    sweeps.push_back(
        {host,
         std::make_unique<Sweep>(
             *plan, SweepOptions{.host = host, .store_path = *path, .wait = options.wait}),
         absl::OkStatus()});
  }
  {
    std::vector<std::jthread> threads;
    for (HostSweep& host : sweeps) {
      threads.emplace_back([&host, &stop, several = sweeps.size() > 1] {
        const LinePrefix prefix(several ? host.name + ": " : "");
        host.status = host.sweep->Run(stop.get_token());
      });
    }
  }
  const absl::Status worst = Worst(sweeps);
  const absl::Status presented = Present(options, *plan, sweeps, *path);
  if (absl::IsCancelled(worst)) {
    return Ending(ExitCode::kInterrupted,
                  absl::CancelledError(fmt::format(
                      "stopped. What was sent goes on on the board: synergyctl submit {} --wait "
                      "takes it up, synergyctl jobs shows it",
                      options.file)));
  }
  return worst.ok() ? presented : worst;
}

}  // namespace

void AddSubmitCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<SubmitOptions>();
  CLI::App* command = app.add_subcommand(
      "submit", "Measure the networks of a job file; again: go on where it was left");
  command->add_option("file", options->file, "The job file (TOML; docs/jobs.md)")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--host", options->hosts,
                   "The boards' daemons: unix:PATH or NAME[:PORT]; repeatable, each measures all "
                   "(default: SYNERGY_HOST, else the daemon of this machine)")
      ->type_name("HOST")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  CLI::Option* const wait = command->add_flag(
      "--wait", options->wait, "Stay until all of it has ended, and bring the records");
  command
      ->add_flag("--detach", options->detach,
                 "End as soon as the board has queued what it takes (so without --wait): fetch "
                 "brings the records, submit again sends the rest")
      ->excludes(wait);
  command
      ->add_flag("--require-valid", options->require_valid,
                 "End with 1 where a run's verdict is not VALID, not only where it is INVALID")
      ->needs(wait);
  AddMethodOption(*command, &options->method);
  AddLimitOption(*command, &options->limits);
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return Submit(*options); }; });
}

}  // namespace synergy
