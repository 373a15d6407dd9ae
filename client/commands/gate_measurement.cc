#include "client/commands/gate_measurement.h"

#include <fmt/format.h>

#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/resume.h"
#include "client/commands/stored_report.h"
#include "client/commands/sweep_jobs.h"
#include "client/commands/user_file.h"
#include "client/store/removal.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

absl::Status Interrupted() {
  return Ending(ExitCode::kInterrupted,
                absl::CancelledError("the gate was interrupted before it had decided; what was "
                                     "measured is stored: synergyctl runs lists it."));
}

// What ended a measurement says nothing of the gate: of a gate kPartial is INCONCLUSIVE, which a
// pipeline may let pass.
absl::Status Undecided(const absl::Status& status) {
  if (ExitCodeOf(status) != ExitCode::kPartial) return status;
  const bool is_lost = absl::IsUnavailable(status);
  return Ending(is_lost ? ExitCode::kNotReached : ExitCode::kRefused,
                absl::Status(status.code(),
                             std::string(status.message()) + " The gate has decided nothing."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GateMeasurement>> GateMeasurement::Start(
    const std::string& store_option, std::string host) {
  const absl::StatusOr<std::string> path = StorePath(store_option, /*create_folder=*/true);
  if (!path.ok()) return path.status();
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  KeepReserve(*path);
  return std::unique_ptr<GateMeasurement>(new GateMeasurement(*std::move(store), std::move(host)));
}

absl::StatusOr<BoardLink*> GateMeasurement::LinkFor(const std::string& engine) {
  std::unique_ptr<BoardLink>& link = links_[engine];
  if (link == nullptr) {
    absl::StatusOr<std::unique_ptr<BoardLink>> opened = BoardLink::Open(host_, engine);
    if (!opened.ok()) return opened.status();
    link = *std::move(opened);
  }
  return link.get();
}

absl::StatusOr<GateSide> GateMeasurement::Prepare(const std::string& path,
                                                  const MeasureOptions& options) {
  absl::StatusOr<Job> job = PrepareJob(options);
  if (!job.ok()) return AboutFile(path, job.status());
  const absl::StatusOr<BoardLink*> link = LinkFor(options.job.engine);
  if (!link.ok()) return link.status();
  GateSide side{path, options, *std::move(job), *link};
  side.options.job = ForBoard(options.job, side.link->board());
  const absl::Status taken = CheckJobOn(side.options.job, side.options.model, side.job, *side.link);
  if (taken.ok()) return side;
  const std::string what = fmt::format("{}: {}", path, std::string(taken.message()));
  return Ending(ExitCodeOf(taken), absl::Status(taken.code(), what));
}

absl::StatusOr<StoredRun> GateMeasurement::MeasureOnce(const GateSide& side) {
  if (interrupt_.interrupted()) return Interrupted();
  const absl::StatusOr<EnteredRun> entered =
      SubmitJob(side.options.job, side.options.model, side.job, *store_, *side.link, interrupt_);
  if (!entered.ok()) return interrupt_.interrupted() ? Interrupted() : Undecided(entered.status());
  PrintNote(fmt::format("run {}: {}, {} on {}, {}", entered->number, side.path,
                        side.job.loaded.model.name, side.link->board().title(),
                        side.options.job.engine));
  const absl::Status received = ReceiveRun(*store_, side.link->board(), *side.link, entered->number,
                                           interrupt_.token(), [&](const StoredRun&) {
                                             interrupt_.JobEnded();
                                             return absl::OkStatus();
                                           });
  if (interrupt_.interrupted()) return Interrupted();
  if (!received.ok()) return Undecided(received);
  return store_->Run(entered->number);
}

absl::StatusOr<LoadedRun> GateMeasurement::Measure(const GateSide& side, Metric metric) {
  for (int interrupted = 0; interrupted < kMaxInterrupted; ++interrupted) {
    absl::StatusOr<StoredRun> run = MeasureOnce(side);
    if (run.ok() && !WasInterrupted(*run)) {
      absl::StatusOr<RunReport> report = LoadReport(*store_, *run, MethodFor(metric));
      if (!report.ok()) return report.status();
      return LoadedRun{*std::move(run), *std::move(report)};
    }
    if (run.ok()) {
      PrintNote(fmt::format("run {} was interrupted ({}): it is measured again", run->number,
                            run->error));
    } else if (!absl::IsAlreadyExists(run.status())) {
      return run.status();
    }
  }
  return Ending(ExitCode::kRefused,
                absl::AbortedError(fmt::format("{} was interrupted {} times: see what brings the "
                                               "board down. The gate has decided nothing.",
                                               side.path, kMaxInterrupted)));
}

}  // namespace synergy
