#include "client/commands/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "client/analysis/report_names.h"
#include "client/commands/exit_code.h"
#include "client/commands/job_interrupt.h"
#include "client/commands/live_run.h"
#include "client/commands/live_view.h"
#include "client/commands/output_files.h"
#include "client/commands/outputs_taker.h"
#include "client/commands/resume.h"
#include "client/commands/submission.h"
#include "client/commands/sweep_files.h"
#include "common/roles.h"

namespace synergy {
namespace {

constexpr Nanoseconds kFullQueuePause = Seconds(1);

}  // namespace

absl::Status Sweep::Open() {
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(options_.store_path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  absl::StatusOr<std::unique_ptr<BoardLink>> link =
      BoardLink::Open(options_.host, plan_.jobs.front().job.engine);
  if (!link.ok()) return link.status();
  link_ = *std::move(link);
  const v1::BoardInfo& board = link_->board();
  board_name_ = board.title();
  if (!board.submits_once()) {
    return Ending(
        ExitCode::kRefused,
        absl::FailedPreconditionError("this board's daemon is too old for job files: upgrade it"));
  }
  const v1::Role role = link_->client()->role();  // before anything is stored
  if (role != v1::ROLE_UNSPECIFIED) {
    const absl::Status may = CheckRole(v1::ROLE_RUN, role, "SubmitJob", link_->client()->paired());
    if (!may.ok()) return Ending(ExitCode::kRefused, may);
  }
  const absl::StatusOr<FileHashes> files = CheckPoints();
  if (!files.ok()) return files.status();
  const absl::StatusOr<StoredSweep> sweep =
      store_->TakeUpSweep({.board_id = board.board_id(),
                           .name = plan_.file.name,
                           .digest = plan_.digest,
                           .jobs = static_cast<int64_t>(plan_.jobs.size()),
                           .created_unix_ns = UnixNow(),
                           .files = *files},
                          options_.open);
  if (!sweep.ok()) return sweep.status();
  stored_ = *sweep;
  if (stored_.files.empty()) stored_.files = *files;  // planned before this was noted
  if (absl::Status same = CheckUnchanged(stored_, *files); !same.ok()) return same;
  absl::StatusOr<std::optional<RunClaim>> claim =
      RunClaim::TakeSubmission(store_->path(), fmt::format("sweep {}", stored_.sweep));
  if (!claim.ok()) return claim.status();
  if (!*claim) {
    return Ending(ExitCode::kRefused,
                  absl::AbortedError(fmt::format(
                      "another synergyctl, or another --host of this one, is just at sweep {} ({})",
                      stored_.sweep, stored_.name)));
  }
  claim_.emplace(**std::move(claim));
  return absl::OkStatus();
}

absl::StatusOr<Job> Sweep::Prepare(size_t i) {
  absl::StatusOr<Job> job = PrepareJob(plan_.jobs[i]);
  if (job.ok()) job->keep_outputs = !plan_.result.outputs.empty();
  return job;
}

// Before anything is sent: what the board would refuse of the last job is said now.
absl::StatusOr<FileHashes> Sweep::CheckPoints() {
  std::set<uint32_t> checked;
  std::set<std::string> files;
  for (size_t i = 0; i < plan_.jobs.size(); ++i) {
    const PlannedJob& planned = plan_.file.jobs[i];
    if (!checked.insert(planned.point).second) continue;
    const MeasureOptions& options = plan_.jobs[i];
    absl::StatusOr<Job> job = Prepare(i);
    if (!job.ok()) return job.status();
    files.merge(job->files);
    absl::Status good =
        CheckJobOn(ForBoard(options.job, link_->board()), options.model, *job, *link_);
    outputs_[planned.point] = job->loaded.model.outputs;
    if (good.ok() && job->keep_outputs) {
      good = PlanOutputFiles(plan_.OutputsOf(i), outputs_[planned.point]).status();
    }
    if (good.ok()) continue;
    return Ending(ExitCodeOf(good),
                  absl::Status(good.code(), fmt::format("{}: {}", planned.label(),
                                                        std::string(good.message()))));
  }
  return HashFiles(files);
}

absl::Status Sweep::LoadJobs() {
  absl::StatusOr<std::vector<SweepJob>> jobs =
      LoadSweepJobs(*store_, stored_.sweep, plan_.jobs.size());
  if (!jobs.ok()) return jobs.status();
  jobs_ = *std::move(jobs);
  return absl::OkStatus();
}

absl::StatusOr<bool> Sweep::SendNext(std::stop_token stop) {
  const std::optional<size_t> next = NextToSend(jobs_);
  if (!next) return false;
  const size_t i = *next;
  if (jobs_[i].CountInterrupted() >= interrupted_before_[i] + kMaxInterrupted) {
    return Ending(ExitCode::kPartial,
                  absl::AbortedError(fmt::format(
                      "job {} ({}) was interrupted {} times: see what brings the board down; "
                      "submit goes on with it again",
                      i + 1, plan_.file.jobs[i].label(), kMaxInterrupted)));
  }
  const absl::StatusOr<std::string> token = TokenToSend(*store_, stored_.sweep, jobs_, i);
  if (!token.ok()) return token.status();
  const absl::Status sent = Send(i, *token, stop);
  if (absl::IsAlreadyExists(sent)) {
    // It ran, and its records are not to be had any more.
    const absl::Status set = store_->SetOutcome(*token, AttemptOutcome::kInterrupted);
    if (!set.ok()) return set;
  } else if (absl::IsResourceExhausted(sent)) {
    if (sent.message() != no_room_.message()) PrintNote(std::string(sent.message()));
    no_room_ = sent;
    return false;
  } else if (!sent.ok()) {
    return sent;
  }
  if (absl::Status loaded = LoadJobs(); !loaded.ok()) return loaded;
  return true;
}

absl::Status Sweep::Send(size_t i, const std::string& token, std::stop_token stop) {
  const PlannedJob& planned = plan_.file.jobs[i];
  const MeasureOptions& options = plan_.jobs[i];
  if (prepared_point_ != planned.point) {
    absl::StatusOr<Job> job = Prepare(i);
    if (!job.ok()) return job.status();
    const absl::StatusOr<FileHashes> files = HashFiles(job->files);
    if (!files.ok()) return files.status();
    if (absl::Status same = CheckUnchanged(stored_, *files); !same.ok()) return same;
    prepared_ = *std::move(job);
    prepared_point_ = planned.point;
  }
  JobInterrupt interrupt;
  std::stop_callback stopper(stop, [&] { interrupt.OnSignal(1); });
  JobOptions job = ForBoard(options.job, link_->board());
  absl::StatusOr<std::unique_ptr<MeterSession>> meter =
      StartMeter(plan_.result.meter, *link_, &job);
  if (!meter.ok()) return meter.status();
  const absl::StatusOr<EnteredRun> entered =
      SubmitJob(job, options.model, prepared_, *store_, *link_, interrupt, token);
  if (!entered.ok()) return entered.status();
  if (*meter != nullptr) (*meter)->Record(store_->path(), entered->number);
  meter_ = *std::move(meter);
  PrintNote(fmt::format("run {}: job {} of {}, {}", entered->number, i + 1, jobs_.size(),
                        planned.label()));
  return absl::OkStatus();
}

absl::Status Sweep::ReceiveOldest(std::stop_token stop) {
  const std::optional<size_t> oldest = OldestOnBoard(jobs_);
  if (!oldest) return absl::OkStatus();
  const int64_t run = *jobs_[*oldest].attempts.back().run;
  const absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(store_->path(), run);
  if (!claim.ok()) return claim.status();
  if (!*claim) {  // a fetch: it says when it has ended
    RealClock().SleepUntil(RealClock().Now() + Milliseconds(200));
    return LoadJobs();
  }
  if (absl::Status received = Receive(*oldest, stop); !received.ok()) return received;
  if (absl::Status loaded = LoadJobs(); !loaded.ok()) return loaded;
  Announce(*oldest);
  return absl::OkStatus();
}

absl::Status Sweep::Receive(size_t i, std::stop_token stop) {
  const int64_t number = *jobs_[i].attempts.back().run;
  const absl::StatusOr<StoredRun> run = store_->Run(number);
  if (!run.ok()) return run.status();
  std::map<std::string, std::string> files;
  if (!plan_.result.outputs.empty()) {
    auto planned = PlanOutputFiles(plan_.OutputsOf(i), outputs_[plan_.file.jobs[i].point]);
    if (!planned.ok()) return planned.status();
    files = *std::move(planned);
  }
  OutputsTaker outputs(files, *link_, stop);
  std::unique_ptr<LiveRun> live;
  if (watch_) live = std::make_unique<LiveRun>(options_.host, run->run_id, stop);
  const absl::Status received = ReceiveRun(
      *store_, link_->board(), *link_, number, stop,
      [&](const StoredRun& stored) { return outputs.Take(stored); },
      [&](const v1::Chunk& chunk) {
        if (live != nullptr) live->Give(chunk);
      });
  if (live != nullptr) {
    live->End();
    watch_ = !live->was_quit();
  }
  if (!received.ok()) return received;
  NoteBeside(i, FinishMeter(meter_.get(), *store_));
  meter_.reset();
  NoteBeside(i, outputs.Report());
  return absl::OkStatus();
}

void Sweep::NoteBeside(size_t i, const absl::Status& status) {
  if (status.ok()) return;
  const absl::Status said = Ending(
      ExitCodeOf(status),
      absl::Status(status.code(), fmt::format("job {} ({}): {}", i + 1, plan_.file.jobs[i].label(),
                                              std::string(status.message()))));
  if (beside_.ok()) {
    beside_ = said;
  } else {
    PrintError(said);
  }
}

void Sweep::Announce(size_t i) {
  if (jobs_[i].outcome() == AttemptOutcome::kOpen) return;
  const std::string reason = FailureOf(*store_, jobs_[i]);
  PrintNote(fmt::format("run {}: {}{}; {} of {} jobs of sweep {} have ended",
                        jobs_[i].attempts.back().run.value_or(0), OutcomeName(jobs_[i]),
                        reason.empty() ? "" : " (" + reason + ")", CountEnded(jobs_), jobs_.size(),
                        stored_.sweep));
}

absl::Status Sweep::Step(std::stop_token stop, bool* done) {
  const auto on_board = [&] {
    return static_cast<size_t>(std::ranges::count_if(jobs_, &SweepJob::on_board));
  };
  *done = CountEnded(jobs_) == jobs_.size();
  if (*done) return store_->FinishSweep(stored_.sweep);
  const size_t ahead = plan_.result.meter.empty() ? kAhead : 0;
  while (!options_.wait || on_board() <= ahead) {
    const absl::StatusOr<bool> sent = SendNext(stop);
    if (!sent.ok()) return sent.status();
    if (*sent) continue;
    *done = !options_.wait;
    if (*done) return on_board() == 0 ? no_room_ : absl::OkStatus();  // of some: later the rest
    break;
  }
  if (on_board() == 0) {  // the queue is full of others' jobs, or the board's disk is full
    RealClock().SleepUntil(RealClock().Now() + kFullQueuePause);
    return absl::OkStatus();
  }
  return ReceiveOldest(stop);
}

absl::Status Sweep::Run(std::stop_token stop) {
  watch_ = options_.watch && IsLiveTerminal();
  const absl::Status status = RunToTheEnd(stop);
  meter_.reset();  // in the thread that it was started in
  if (status.ok()) return beside_;
  if (!beside_.ok()) PrintError(beside_);
  return status;
}

absl::Status Sweep::RunToTheEnd(std::stop_token stop) {
  if (absl::Status opened = Open(); !opened.ok()) return opened;
  if (absl::Status loaded = LoadJobs(); !loaded.ok()) return loaded;
  for (size_t i = 0; i < jobs_.size(); ++i) interrupted_before_[i] = jobs_[i].CountInterrupted();
  PrintNote(fmt::format("sweep {} ({}) on {}: {} jobs, {} of them have ended", stored_.sweep,
                        stored_.name, board_name_, jobs_.size(), CountEnded(jobs_)));
  bool done = false;
  while (!done) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const absl::Status status = Step(stop, &done);
    if (ExitCodeOf(status) != ExitCode::kNotReached) {
      if (!status.ok()) return status;
      continue;
    }
    const absl::Status back = link_->AwaitBoard(status, stop);
    if (!back.ok()) return back;
    if (absl::Status loaded = LoadJobs(); !loaded.ok()) return loaded;
  }
  return absl::OkStatus();
}

}  // namespace synergy
