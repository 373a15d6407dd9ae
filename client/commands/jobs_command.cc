// `jobs`, `job` and `lease`: the queue of a board, whoever started what is in it.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/job_list.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/commands/quantities.h"
#include "client/commands/resume.h"
#include "client/commands/run_list.h"
#include "client/commands/run_resolution.h"
#include "client/commands/submission.h"
#include "client/store/run_claim.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

constexpr double kLongestLeaseS = 24 * 3600;  // that a board gives

struct QueueOptions {
  std::string host;
  std::string store;
  std::string job;
  bool json = false;
  bool watch = false;
  double lease_s = 0;
  std::string lease;
  bool wait = false;
};

// Ends what waits at the first signal.
class Stop {
 public:
  Stop()
      : interrupts_([this](int nth) {
          source_.request_stop();
          if (nth > 1) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
        }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  const Interrupts interrupts_;
};

// False: it is to stop.
bool Pause(std::stop_token stop, Nanoseconds span) {
  const MonotonicTime until = RealClock().Now() + span;
  while (!stop.stop_requested() && RealClock().Now() < until) {
    RealClock().SleepUntil(std::min(until, RealClock().Now() + Milliseconds(50)));
  }
  return !stop.stop_requested();
}

absl::StatusOr<std::string> QueueText(BoardLink& link, bool json) {
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = link.List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  const absl::StatusOr<v1::QueueState> queue = link.Queue();
  if (!queue.ok()) return FromDevice(queue.status());
  if (!json) return JobListText(*jobs, *queue);
  nlohmann::ordered_json document =
      JobListJson(*jobs, *queue, ProgressShownTo(link.client()->role()));
  document["schema_version"] = kReportSchemaVersion;
  return JsonText(document);
}

absl::Status ShowQueue(const QueueOptions& options) {
  const Stop stop;
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  std::string shown;
  do {
    const absl::StatusOr<std::string> text = QueueText(**link, options.json);
    if (!text.ok()) return text.status();
    if (*text == shown) continue;
    shown = *text;
    if (absl::Status written = options.json ? WriteStdout(shown) : WriteText(shown); !written.ok())
      return written;
  } while (options.watch && StdoutIsRead() && Pause(stop.token(), Seconds(1)));
  return absl::OkStatus();
}

// The runs of the store, if there is one.
absl::StatusOr<std::vector<StoredRun>> StoredRuns(const std::string& option) {
  const absl::StatusOr<std::string> path = StorePath(option, /*create_folder=*/false);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kRead);
  if (absl::IsNotFound(store.status())) return std::vector<StoredRun>();
  if (!store.ok()) return store.status();
  return (*store)->Runs();
}

// The board, and the job on it that is meant, also where it has ended.
struct FoundJob {
  std::unique_ptr<BoardLink> link;
  v1::JobStatus job;
};
absl::StatusOr<FoundJob> FindJob(const QueueOptions& options) {
  const absl::StatusOr<std::vector<StoredRun>> stored = StoredRuns(options.store);
  if (!stored.ok()) return stored.status();
  absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  const absl::StatusOr<BoardJobs> board = (*link)->Jobs();
  if (!board.ok()) return board.status();
  const absl::StatusOr<v1::JobStatus> job = ResolveBoardJob(*board, *stored, options.job);
  if (!job.ok()) {
    return Ending(absl::IsFailedPrecondition(job.status()) ? ExitCode::kRefused : ExitCode::kUsage,
                  job.status());
  }
  return FoundJob{*std::move(link), *job};
}

absl::Status ShowJob(const QueueOptions& options) {
  const absl::StatusOr<FoundJob> found = FindJob(options);
  if (!found.ok()) return found.status();
  const Progress progress = ProgressShownTo(found->link->client()->role());
  return options.json ? WriteStdout(JsonText(JobJson(found->job, true, progress)))
                      : WriteText(JobText(found->job, progress));
}

absl::Status ShowLog(const QueueOptions& options) {
  const absl::StatusOr<FoundJob> found = FindJob(options);
  if (!found.ok()) return found.status();
  const absl::Status logged = found->link->client()->Log(
      found->job.run_id(), [](std::string_view part) { return WriteStdout(part); });
  return absl::IsUnavailable(logged) ? Ending(ExitCode::kRefused, logged) : FromDevice(logged);
}

absl::Status FetchJob(const QueueOptions& options) {
  const Stop stop;
  const absl::StatusOr<FoundJob> found = FindJob(options);
  if (!found.ok()) return found.status();
  const absl::StatusOr<std::string> path = StorePath(options.store, /*create_folder=*/true);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  const v1::BoardInfo& board = found->link->board();
  const absl::StatusOr<int64_t> number = (*store)->PutRun(board, found->job);
  if (!number.ok()) return number.status();
  const absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take((*store)->path(), *number);
  if (!claim.ok()) return claim.status();
  if (!*claim) {
    return Ending(ExitCode::kRefused,
                  absl::AbortedError("another synergyctl is just bringing this run"));
  }
  const absl::Status received = ReceiveRun(**store, board, *found->link, *number, stop.token());
  if (!received.ok()) return received;
  const absl::StatusOr<StoredRun> run = (*store)->Run(*number);
  if (!run.ok()) return run.status();
  const absl::Status written = WriteText(RunListText({*run}));
  if (!written.ok() || run->complete) return written;
  return Ending(ExitCode::kPartial,
                absl::DataLossError(fmt::format(
                    "run {} is not complete, and the board has no more of it: its owner has it",
                    run->number)));
}

absl::Status TakeLease(const QueueOptions& options) {
  const Stop stop;
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  const absl::StatusOr<std::string> id = NewToken();
  if (!id.ok()) return id.status();
  const std::string short_id = id->substr(0, 8);
  std::string waits_for;
  while (true) {
    const absl::StatusOr<v1::DeviceLease> lease =
        (*link)->client()->TakeLease(short_id, options.lease_s);
    if (!lease.ok()) return FromDevice(lease.status());
    if (lease->held()) return WriteStdout(fmt::format("{}\n", short_id));
    if (lease->waits_for() != waits_for) {
      waits_for = lease->waits_for();
      PrintNote(fmt::format("the board is not to be had yet: it waits for {}", waits_for));
    }
    if (options.wait && Pause(stop.token(), Seconds(1))) continue;
    (*link)->client()->ReleaseLease(short_id).IgnoreError();  // it is dropped anyway
    if (stop.token().stop_requested()) return absl::CancelledError("stopped");
    return Ending(
        ExitCode::kRefused,
        absl::FailedPreconditionError(fmt::format(
            "the board is in use (it waits for {}): --wait waits until it is free", waits_for)));
  }
}

absl::Status ReleaseLease(const QueueOptions& options) {
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  return FromDevice((*link)->client()->ReleaseLease(options.lease));
}

using Act = absl::Status (*)(const QueueOptions&);

CLI::App* AddAct(CLI::App& parent, const std::string& name, const std::string& what,
                 std::shared_ptr<QueueOptions> options, ChosenCommand* chosen, Act act) {
  CLI::App* command = parent.add_subcommand(name, what);
  AddHostOption(*command, &options->host);
  command->callback([options, chosen, act] { *chosen = [options, act] { return act(*options); }; });
  return command;
}

}  // namespace

void AddJobsCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<QueueOptions>();
  CLI::App* command =
      AddAct(app, "jobs", "List what is on the board: jobs, what they wait for, leases", options,
             chosen, ShowQueue);
  command->add_flag("--watch", options->watch, "List it again whenever something changes");
  AddJsonFlag(*command, &options->json);
}

void AddJobCommand(CLI::App& app, ChosenCommand* chosen) {
  CLI::App* job = app.add_subcommand("job", "One job on the board: show, cancel, logs, fetch");
  job->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, Act act) {
    auto options = std::make_shared<QueueOptions>();
    CLI::App* command = AddAct(*job, name, what, options, chosen, act);
    command
        ->add_option(
            "job", options->job,
            "Its id (or the beginning of it) as synergyctl jobs shows it, or the number or "
            "tag of its run in the store")
        ->type_name("JOB")
        ->required();
    AddStoreOption(*command, &options->store);
    if (act == ShowJob) AddJsonFlag(*command, &options->json);
  };
  add("show", "What it is, and how far it has come", ShowJob);
  AddCancelCommand(*job, chosen);
  add("logs", "What the engine of an ended job printed", ShowLog);
  add("fetch", "Bring its records into the store, staying until it has ended", FetchJob);
}

void AddLeaseCommand(CLI::App& app, ChosenCommand* chosen) {
  CLI::App* lease = app.add_subcommand("lease", "Have the board alone for a while");
  lease->require_subcommand(1);
  auto taken = std::make_shared<QueueOptions>();
  CLI::App* take = AddAct(*lease, "take",
                          "Keep the board for this user's jobs; prints the lease's id. It ends by "
                          "itself, and synergyctl jobs shows it to everybody",
                          taken, chosen, TakeLease);
  take->add_option_function<std::string>(
          "--for", [taken](const std::string& text) { taken->lease_s = *ParseDuration(text); },
          "For how long, at most a day")
      ->type_name("30m")
      ->required()
      ->check(CLI::Validator(
          [](std::string& text) {
            const absl::StatusOr<double> time = ParseDuration(text);
            if (!time.ok()) return std::string(time.status().message());
            if (*time > kLongestLeaseS) return text + " is more than a day";
            return std::string(*time > 0 ? "" : "0 is no time");
          },
          ""));
  take->add_flag("--wait", taken->wait, "Wait until the board is to be had");
  auto released = std::make_shared<QueueOptions>();
  CLI::App* release =
      AddAct(*lease, "release", "End a lease before its time", released, chosen, ReleaseLease);
  release->add_option("lease", released->lease, "The id that take printed")
      ->type_name("LEASE")
      ->required();
}

}  // namespace synergy
