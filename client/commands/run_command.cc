#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/interrupts.h"
#include "client/commands/job_interrupt.h"
#include "client/commands/presentation.h"
#include "client/commands/resume.h"
#include "client/commands/stored_report.h"
#include "client/models/zoo.h"
#include "client/store/run_claim.h"
#include "client/store/store.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

struct RunOptions {
  std::string host;
  std::string store;
  std::string net;
  std::string engine = "caffe2-openblas";
  std::string method{kMethodIntegrate};
  uint32_t iterations = 50;
  uint32_t warmup = 5;
  uint32_t threads = 1;
  uint32_t batch = 1;
  uint64_t seed = 1;
  double rate_hz = 0;
  double time_limit_s = 0;
  PresentationOptions presentation;
};

// The first inference allocates memory and tells the operators' shapes: it is never measured.
CLI::Validator AtLeastOneWarmup() {
  return CLI::Validator(
      [](std::string& value) {
        return std::string(value == "0" ? "0 is too few, at least 1 is needed: the first inference "
                                          "allocates memory and finds the shapes"
                                        : "");
      },
      "");
}

absl::StatusOr<Model> BuildModel(const RunOptions& options) {
  const absl::StatusOr<const ZooEntry*> entry = FindModel(options.net);
  if (!entry.ok()) return Ending(ExitCode::kUsage, entry.status());
  absl::StatusOr<Model> model = (*entry)->build(options.batch, options.seed);
  if (!model.ok()) return Ending(ExitCode::kUsage, model.status());
  return model;
}

v1::JobSpec SpecOf(const RunOptions& options, const Model& model) {
  v1::JobSpec spec;
  spec.set_net_name(options.net);
  spec.set_engine(options.engine);
  spec.set_iterations(options.iterations);
  spec.set_warmup(options.warmup);
  spec.set_threads(options.threads);
  spec.set_batch(options.batch);
  spec.set_seed(options.seed);
  spec.set_rate_hz(options.rate_hz);
  spec.set_time_limit_s(options.time_limit_s);
  v1::InputShape* input = spec.add_inputs();
  input->set_blob(model.inputs[0].blob);
  input->mutable_dims()->Add(model.inputs[0].dims.begin(), model.inputs[0].dims.end());
  return spec;
}

absl::StatusOr<v1::JobStatus> Submit(const RunOptions& options, const Model& model,
                                     BoardLink& link) {
  const absl::StatusOr<std::string> predict = SerializeNet(model.predict);
  if (!predict.ok()) return predict.status();
  const absl::StatusOr<std::string> init = SerializeNet(model.init);
  if (!init.ok()) return init.status();
  absl::StatusOr<v1::JobStatus> job =
      link.client()->Submit(SpecOf(options, model), *predict, *init);
  if (!job.ok()) return FromDevice(job.status());
  return job;
}

// The run's number. The job is on the board by now: it is not lost where it cannot be entered here.
absl::StatusOr<int64_t> Enter(Store& store, const BoardLink& link, const v1::JobStatus& job) {
  const absl::StatusOr<int64_t> number = store.PutRun(link.board(), job);
  if (number.ok()) return number;
  return Ending(
      ExitCode::kPartial,
      absl::Status(number.status().code(),
                   fmt::format("the board has taken the job ({}), but: {} Then synergyctl "
                               "fetch --all brings its records.",
                               job.run_id(), std::string(number.status().message()))));
}

absl::Status InterruptedNote(const StoredRun& run, const absl::StatusOr<RunReport>& report) {
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
                           bool interrupted) {
  const absl::StatusOr<StoredRun> run = store.Run(number);
  if (!run.ok()) return run.status();
  const absl::StatusOr<RunReport> report = LoadReport(store, *run, options.method);
  if (interrupted) return InterruptedNote(*run, report);
  if (!report.ok()) return report.status();
  const absl::Status printed = PrintRun(*run, *report, options.presentation);
  if (!printed.ok()) return printed;
  const absl::Status complete = Completeness(*run, *report);
  if (!complete.ok() || report->verdict != v1::VERDICT_INVALID) return complete;
  const std::string reason = report->reasons.empty() ? "no reason given" : report->reasons.front();
  return Ending(
      ExitCode::kFailedCheck,
      absl::AbortedError(fmt::format(
          "run {} is INVALID ({}): do not use its numbers; measure again.", number, reason)));
}

// Ids of the jobs that have not ended on the board.
absl::StatusOr<std::set<std::string>> JobsGoingOn(const BoardLink& link) {
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = link.client()->List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  std::set<std::string> ids;
  for (const v1::JobStatus& job : *jobs) {
    if (job.state() == v1::JOB_STATE_QUEUED || job.state() == v1::JOB_STATE_RUNNING) {
      ids.insert(job.run_id());
    }
  }
  return ids;
}

// What earlier commands left on the board, as far as it has ended there. Our own job is on the
// board by now and neither waits for that nor fails by it.
void CompleteEarlierRuns(Store& store, BoardLink& link, std::stop_token stop, bool announce) {
  const absl::StatusOr<std::set<std::string>> going_on = JobsGoingOn(link);
  const absl::StatusOr<ResumeOutcome> outcome =
      going_on.ok() ? CompleteUnfinishedRuns(store, link.board(), link, stop, *going_on)
                    : absl::StatusOr<ResumeOutcome>(going_on.status());
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

absl::Status Run(const RunOptions& options) {
  const absl::StatusOr<Model> model = BuildModel(options);
  if (!model.ok()) return model.status();
  const absl::StatusOr<std::string> path = StorePath(options.store, /*create_folder=*/true);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();

  JobInterrupt interrupt;
  absl::StatusOr<std::unique_ptr<BoardLink>> link;  // outlives the thread that cancels through it
  const Interrupts interrupts([&](int nth) { interrupt.OnSignal(nth); });
  link = BoardLink::Open(options.host);
  if (!link.ok()) return link.status();
  if (interrupt.interrupted()) return absl::CancelledError("interrupted before the job was sent");

  const absl::StatusOr<v1::JobStatus> job = Submit(options, *model, **link);
  if (!job.ok()) return job.status();
  interrupt.SetJob(link->get(), job->run_id());
  const absl::StatusOr<int64_t> number = Enter(**store, **link, *job);
  if (!number.ok()) return number.status();
  const absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(*path, *number);
  if (!claim.ok()) return Ending(ExitCode::kPartial, claim.status());
  PrintNote(fmt::format("run {}: {} on {}, {}", *number, options.net, (*link)->board().title(),
                        options.engine));
  CompleteEarlierRuns(**store, **link, interrupt.first(), /*announce=*/true);
  const absl::Status received =
      ReceiveRun(**store, (*link)->board(), **link, *number, interrupt.token());
  if (!received.ok() && !interrupt.interrupted()) return received;
  const absl::Status result = PresentResult(options, **store, *number, interrupt.interrupted());
  if (!interrupt.interrupted()) {
    CompleteEarlierRuns(**store, **link, interrupt.first(), /*announce=*/false);
  }
  return result;
}

void AddJobOptions(CLI::App& command, RunOptions& options) {
  command.add_option("--net", options.net, "Network to measure (synergyctl models lists them)")
      ->type_name("NAME")
      ->required();
  command.add_option("--engine", options.engine, "Engine on the board that runs it")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--iterations", options.iterations, "Measured inferences")
      ->check(CLI::Range(1u, 10'000'000u))
      ->capture_default_str();
  command.add_option("--warmup", options.warmup, "Inferences before them, not measured")
      ->check(AtLeastOneWarmup())
      ->check(CLI::Range(1u, 10'000'000u))
      ->capture_default_str();
  command.add_option("--threads", options.threads, "Threads of the engine")
      ->check(CLI::Range(1u, 65'535u))
      ->capture_default_str();
  command.add_option("--batch", options.batch, "Images an inference")
      ->check(CLI::Range(1u, 65'535u))
      ->capture_default_str();
  command
      .add_option("--seed", options.seed,
                  "Of the weights, of the input and of a simulated board's noise")
      ->check(NotNegative())
      ->capture_default_str();
  command
      .add_option("--rate", options.rate_hz, "Readings a second of each sensor (0: the board's)")
      ->type_name("HZ")
      ->check(NotNegative())
      ->capture_default_str();
  command
      .add_option("--time-limit", options.time_limit_s,
                  "The job fails after this long (0: the daemon's limit, 3600 s by default)")
      ->type_name("SECONDS")
      ->check(NotNegative())
      ->capture_default_str();
}

}  // namespace

void AddRunCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      app.add_subcommand("run", "Measure a network on a board: time and joules per operator");
  AddJobOptions(*command, *options);
  AddMethodOption(*command, &options->method);
  AddHostOption(*command, &options->host);
  AddStoreOption(*command, &options->store);
  AddJsonFlag(*command, &options->presentation.json);
  AddSortOption(*command, &options->presentation.sort);
  command->callback([options, chosen] { *chosen = [options] { return Run(*options); }; });
}

}  // namespace synergy
