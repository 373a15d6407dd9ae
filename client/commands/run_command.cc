#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/job_interrupt.h"
#include "client/commands/job_preparation.h"
#include "client/commands/job_submission.h"
#include "client/commands/live_run.h"
#include "client/commands/live_view.h"
#include "client/commands/output.h"
#include "client/commands/output_files.h"
#include "client/commands/outputs_taker.h"
#include "client/commands/presentation.h"
#include "client/commands/result_options.h"
#include "client/commands/resume.h"
#include "client/commands/run_meter.h"
#include "client/commands/stored_report.h"
#include "client/commands/submission.h"
#include "client/store/removal.h"
#include "client/store/store.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

struct RunOptions {
  std::string host;
  std::string store;
  MeasureOptions measure;
  ResultOptions result = {.sort = "index"};
  bool detach = false;
  bool json = false;
};

// What is sent and where outputs go to, with everything refused that can be refused here.
struct PreparedRun {
  Job job;
  std::map<std::string, std::string> output_files;
};
absl::StatusOr<PreparedRun> Prepare(const RunOptions& options) {
  PreparedRun run;
  if (!options.result.meter.empty()) {
    const absl::StatusOr<std::string> meter = MeterCommand(options.result.meter);
    if (!meter.ok()) return meter.status();
  }
  absl::StatusOr<Job> job = PrepareJob(options.measure);
  if (!job.ok()) return job.status();
  run.job = *std::move(job);
  run.job.keep_outputs = !options.result.outputs.empty();
  if (!run.job.keep_outputs) return run;
  absl::StatusOr<std::map<std::string, std::string>> files =
      PlanOutputFiles(options.result.outputs, run.job.loaded.model.outputs);
  if (!files.ok()) return files.status();
  run.output_files = *std::move(files);
  return run;
}

absl::Status InterruptedNote(const StoredRun& run, const absl::StatusOr<RunReport>& report,
                             bool without_outputs) {
  if (run.complete && run.state == v1::JOB_STATE_DONE) {  // the interrupt came after its end
    return Ending(ExitCode::kInterrupted,
                  absl::CancelledError(fmt::format(
                      "run {} is whole and stored: synergyctl show {}.{}", run.number, run.number,
                      without_outputs ? " Its outputs were not written, and the board does not "
                                        "keep them: measure again for these."
                                      : "")));
  }
  const uint64_t iterations = report.ok() ? report->attribution.iterations : 0;
  return Ending(
      ExitCode::kInterrupted,
      absl::CancelledError(fmt::format(
          "run {} was interrupted after {} measured iterations. {}", run.number, iterations,
          run.complete
              ? fmt::format("Its records up to there are stored: synergyctl show {}", run.number)
              : "What has come is stored; synergyctl fetch asks for the rest.")));
}

absl::Status PresentResult(const RunOptions& options, Store& store, int64_t number,
                           const JobInterrupt& interrupt, const OutputsTaker& outputs) {
  const absl::StatusOr<StoredRun> run = store.Run(number);
  if (!run.ok()) return run.status();
  const ResultOptions& result = options.result;
  const absl::StatusOr<RunReport> report = LoadReport(store, *run, result.method, result.limits);
  if (interrupt.interrupted()) return InterruptedNote(*run, report, outputs.cut_off());
  if (!report.ok()) return report.status();
  const absl::Status printed = PrintRun(*run, *report, {.json = options.json, .sort = result.sort});
  if (!printed.ok()) return printed;
  const absl::Status complete = Completeness(*run, *report);
  if (!complete.ok() || IsGood(report->verdict, result.require_valid)) return complete;
  const std::string reason = report->reasons.empty() ? "no reason given" : report->reasons.front();
  if (report->verdict == v1::VERDICT_SUSPECT) {
    return Ending(ExitCode::kFailedCheck,
                  absl::AbortedError(fmt::format("run {} is SUSPECT ({}), and --require-valid was "
                                                 "given; its records are stored.",
                                                 number, reason)));
  }
  return Ending(
      ExitCode::kFailedCheck,
      absl::AbortedError(fmt::format(
          "run {} is INVALID ({}): do not use its numbers; measure again.", number, reason)));
}

// Ids of the jobs that have not ended on the board.
absl::StatusOr<std::set<std::string>> JobsGoingOn(BoardLink& link) {
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = link.List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  std::set<std::string> ids;
  for (const v1::JobStatus& job : *jobs) {
    if (job.state() == v1::JOB_STATE_QUEUED || job.state() == v1::JOB_STATE_RUNNING) {
      ids.insert(job.run_id());
    }
  }
  return ids;
}

absl::StatusOr<ResumeOutcome> ResumeWhatHasEnded(Store& store, BoardLink& link,
                                                 std::stop_token stop) {
  const absl::Status adopted = AdoptSubmissions(store, link.board(), link, UnixNow());
  if (!adopted.ok()) return adopted;
  const absl::StatusOr<std::set<std::string>> going_on = JobsGoingOn(link);
  if (!going_on.ok()) return going_on.status();
  return CompleteUnfinishedRuns(store, link.board(), link, stop, *going_on);
}

// What earlier commands left on the board, as far as it has ended there. Our own job is on the
// board by now and neither waits for that nor fails by it.
void CompleteEarlierRuns(Store& store, BoardLink& link, std::stop_token stop, bool announce) {
  const absl::StatusOr<ResumeOutcome> outcome = ResumeWhatHasEnded(store, link, stop);
  if (!outcome.ok()) {
    if (!stop.stop_requested()) PrintError(outcome.status());
    return;
  }
  if (!announce) return;
  for (const StoredRun& run : outcome->going_on) {
    PrintNote(fmt::format(
        "run {} ({}) of an earlier command has not ended on the board: synergyctl cancel {} ends "
        "it, synergyctl fetch completes it",
        run.number, run.net, run.number));
  }
}

// Null: it was not asked for, or there is no terminal for it.
std::unique_ptr<LiveRun> WatchRun(const RunOptions& options, Store& store, int64_t number,
                                  std::stop_token interrupt) {
  if (!options.result.watch || !IsLiveTerminal()) return nullptr;
  const absl::StatusOr<StoredRun> run = store.Run(number);
  if (!run.ok()) return nullptr;  // ReceiveRun says why
  return std::make_unique<LiveRun>(options.host, run->run_id, interrupt);
}

// Follows the job to its end and shows what came of it.
absl::Status Receive(const RunOptions& options, const PreparedRun& run, Store& store,
                     BoardLink& link, int64_t number, MeterSession* meter,
                     JobInterrupt& interrupt) {
  OutputsTaker outputs(run.output_files, link, interrupt.first());
  const auto on_complete = [&](const StoredRun& stored) {
    interrupt.JobEnded();
    return outputs.Take(stored);
  };
  absl::Status received;
  {
    const std::unique_ptr<LiveRun> live = WatchRun(options, store, number, interrupt.first());
    received = ReceiveRun(store, link.board(), link, number, interrupt.token(), on_complete,
                          [&](const v1::Chunk& chunk) {
                            if (live != nullptr) live->Give(chunk);
                          });
  }
  const absl::Status metered = FinishMeter(meter, store);
  if (!received.ok() && !interrupt.interrupted()) return received;
  const absl::Status result = PresentResult(options, store, number, interrupt, outputs);
  const absl::Status taken = outputs.Report();
  if (!interrupt.interrupted()) {
    CompleteEarlierRuns(store, link, interrupt.first(), /*announce=*/false);
  }
  if (!result.ok()) return result;
  return metered.ok() ? taken : metered;
}

absl::Status Run(const RunOptions& options) {
  const absl::StatusOr<PreparedRun> run = Prepare(options);
  if (!run.ok()) return run.status();
  const absl::StatusOr<std::string> path = StorePath(options.store, /*create_folder=*/true);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  KeepReserve(*path);

  JobInterrupt interrupt;
  absl::StatusOr<std::unique_ptr<BoardLink>> link;  // outlives the thread that cancels through it
  const Interrupts interrupts([&](int nth) { interrupt.OnSignal(nth); });
  link = BoardLink::Open(options.host, options.measure.job.engine);
  if (!link.ok()) return link.status();
  JobOptions job = ForBoard(options.measure.job, (*link)->board());
  const ModelOptions& model = options.measure.model;
  const absl::Status taken = CheckJobOn(job, model, run->job, **link);
  if (!taken.ok()) return taken;

  const absl::StatusOr<std::unique_ptr<MeterSession>> meter =
      StartMeter(options.result.meter, **link, &job);
  if (!meter.ok()) return meter.status();
  const absl::StatusOr<EnteredRun> entered =
      SubmitJob(job, model, run->job, **store, **link, interrupt);
  if (!entered.ok()) return entered.status();
  if (*meter != nullptr) (*meter)->Record(*path, entered->number);
  PrintNote(fmt::format("run {}: {} on {}, {}", entered->number, run->job.loaded.model.name,
                        (*link)->board().title(), options.measure.job.engine));
  CompleteEarlierRuns(**store, **link, interrupt.first(), /*announce=*/true);
  if (options.detach && !interrupt.interrupted()) {
    PrintNote(
        fmt::format("it goes on on the board: synergyctl fetch brings it, synergyctl cancel {} "
                    "ends it",
                    entered->number));
    return WriteStdout(fmt::format("{}\n", entered->number));
  }
  return Receive(options, *run, **store, **link, entered->number, meter->get(), interrupt);
}

}  // namespace

void AddRunCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      app.add_subcommand("run", "Measure a network on a board: time and joules per operator");
  AddMeasureOptions(*command, &options->measure);
  AddBesideOptions(*command, &options->result);
  AddJudgingOptions(*command, &options->result);
  command
      ->add_flag("--detach", options->detach,
                 "End as soon as the board has the job, and write the run's number: synergyctl "
                 "fetch brings what came of it")
      ->excludes(command->get_option("--outputs"))
      ->excludes(command->get_option("--meter"))
      ->excludes(command->get_option("--require-valid"))
      ->excludes(command->get_option("--watch"));
  AddHostOption(*command, &options->host);
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->json);
  command->callback([options, chosen] { *chosen = [options] { return Run(*options); }; });
}

}  // namespace synergy
