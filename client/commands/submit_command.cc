#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/line_prefix.h"
#include "client/commands/result_options.h"
#include "client/commands/sweep.h"
#include "client/commands/sweep_report.h"
#include "client/commands/user_file.h"
#include "client/store/removal.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

struct SubmitOptions {
  std::string file;
  std::vector<std::string> hosts;
  std::string store;
  ResultOptions result;
  bool says_method = false;
  std::vector<std::string> limits = {};  // of result, as they were given
  bool wait = false;
  bool detach = false;
  bool restart = false;
  bool json = false;
};

struct HostSweep {
  std::string name;  // as it was given
  std::unique_ptr<Sweep> sweep;
  absl::Status status;
};

absl::Status Present(const SubmitOptions& options, const SweepPlan& plan,
                     const std::vector<HostSweep>& hosts, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path, StoreAccess::kRead);
  if (!store.ok()) return store.status();
  std::vector<const Sweep*> sweeps;
  for (const HostSweep& host : hosts) sweeps.push_back(host.sweep.get());
  return PresentSweeps({.result = options.result, .waited = options.wait, .json = options.json},
                       plan, sweeps, **store);
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

// What belongs to one board, and to who waits for it.
absl::Status CheckBeside(const SubmitOptions& options, const SweepPlan& plan) {
  for (const auto& [key, given] : {std::pair("outputs", !plan.result.outputs.empty()),
                                   {"meter", !plan.result.meter.empty()},
                                   {"watch", options.result.watch && options.wait}}) {
    if (!given || (options.wait && options.hosts.size() <= 1)) continue;
    return AboutFile(options.file,
                     absl::InvalidArgumentError(
                         options.wait ? fmt::format("{} is of one board: give one --host", key)
                                      : fmt::format("{} needs --wait: it is taken while the job "
                                                    "runs, or at its end",
                                                    key)));
  }
  return absl::OkStatus();
}

// What the command line leaves open the file says.
void TakeFromFile(const ResultOptions& file, SubmitOptions* options) {
  ResultOptions& result = options->result;
  if (!options->says_method) result.method = file.method;
  if (result.sort.empty()) result.sort = file.sort;
  result.require_valid = result.require_valid || file.require_valid;
  result.watch = result.watch || file.watch;
  result.limits = file.limits;
  for (const std::string& limit : options->limits) {
    SetLimit(limit, Named(result.limits)).IgnoreError();  // the command line was checked
  }
}

absl::Status Submit(SubmitOptions options) {
  if (absl::Status different = RequireDifferent(options.hosts); !different.ok()) return different;
  const absl::StatusOr<SweepPlan> plan = ReadSweepPlan(options.file);
  if (!plan.ok()) return plan.status();
  TakeFromFile(plan->result, &options);
  if (absl::Status fits = CheckBeside(options, *plan); !fits.ok()) return fits;
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
         std::make_unique<Sweep>(*plan, SweepOptions{.host = host,
                                                     .store_path = *path,
                                                     .wait = options.wait,
                                                     .watch = options.result.watch,
                                                     .open = options.restart ? OpenSweep::kFinish
                                                                             : OpenSweep::kTakeUp}),
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
  command->add_flag("--restart", options->restart,
                    "Begin with all of it anew, also where it was left: what the board has of the "
                    "old sweep goes on, and fetch brings it");
  AddJudgingOptions(*command, &options->result);
  command->get_option("--require-valid")->needs(wait);
  command->get_option("--watch")->needs(wait);
  command->get_option("--sort")->needs(wait)->description(
      "After the table the report of each run, its operators in this order: index (as executed), "
      "time or energy");
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->json);
  command->callback([options, command, chosen] {
    options->says_method = command->count("--method") > 0;
    options->limits = command->get_option("--limit")->results();
    *chosen = [options] { return Submit(*options); };
  });
}

}  // namespace synergy
