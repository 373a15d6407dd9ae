#include "client/commands/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "client/analysis/report_names.h"
#include "client/commands/exit_code.h"
#include "client/commands/job_interrupt.h"
#include "client/commands/resume.h"
#include "client/commands/submission.h"

namespace synergy {
namespace {

constexpr Nanoseconds kFullQueuePause = Seconds(1);

size_t CountInterrupted(const SweepJob& job) {
  return static_cast<size_t>(
      std::ranges::count(job.attempts, AttemptOutcome::kInterrupted, &StoredAttempt::outcome));
}

std::string_view OutcomeText(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kDone:
      return "done";
    case AttemptOutcome::kFailed:
      return "failed";
    case AttemptOutcome::kInterrupted:
      return "interrupted";
    case AttemptOutcome::kCancelled:
      return "cancelled";
    default:
      return "on the board";
  }
}

}  // namespace

bool SweepJob::ended() const {
  return outcome() == AttemptOutcome::kDone || outcome() == AttemptOutcome::kFailed ||
         outcome() == AttemptOutcome::kCancelled;
}

size_t Sweep::CountEnded() const {
  return static_cast<size_t>(std::ranges::count_if(jobs_, &SweepJob::ended));
}

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
  if (absl::Status checked = CheckPoints(); !checked.ok()) return checked;
  const absl::StatusOr<StoredSweep> sweep =
      store_->TakeUpSweep({.board_id = board.board_id(),
                           .name = plan_.file.name,
                           .digest = plan_.digest,
                           .jobs = static_cast<int64_t>(plan_.jobs.size()),
                           .created_unix_ns = UnixNow()});
  if (!sweep.ok()) return sweep.status();
  stored_ = *sweep;
  absl::StatusOr<std::optional<RunClaim>> claim =
      RunClaim::TakeSubmission(store_->path(), fmt::format("sweep {}", stored_.sweep));
  if (!claim.ok()) return claim.status();
  if (!*claim) {
    return Ending(ExitCode::kRefused,
                  absl::AbortedError(fmt::format("another synergyctl is just at sweep {} ({})",
                                                 stored_.sweep, stored_.name)));
  }
  claim_.emplace(**std::move(claim));
  return absl::OkStatus();
}

// Before anything is sent: what the board would refuse of the last job is said now.
absl::Status Sweep::CheckPoints() {
  std::set<uint32_t> checked;
  for (size_t i = 0; i < plan_.jobs.size(); ++i) {
    const PlannedJob& planned = plan_.file.jobs[i];
    if (!checked.insert(planned.point).second) continue;
    const MeasureOptions& options = plan_.jobs[i];
    absl::StatusOr<Job> job = PrepareJob(options);
    if (!job.ok()) return job.status();
    const absl::Status good =
        CheckJob(ForBoard(options.job, link_->board()), options.model, *job, link_->board());
    if (good.ok()) continue;
    return Ending(ExitCodeOf(good),
                  absl::Status(good.code(), fmt::format("{}: {}", planned.label(),
                                                        std::string(good.message()))));
  }
  return absl::OkStatus();
}

absl::StatusOr<AttemptOutcome> Sweep::OutcomeOf(int64_t number) {
  const absl::StatusOr<StoredRun> run = store_->Run(number);
  if (absl::IsNotFound(run.status())) return AttemptOutcome::kCancelled;  // deleted by the user
  if (!run.ok()) return run.status();
  if (run->unfinished()) return AttemptOutcome::kOpen;
  if (run->abandoned || run->interrupted) return AttemptOutcome::kInterrupted;
  if (run->state == v1::JOB_STATE_DONE) return AttemptOutcome::kDone;
  return run->state == v1::JOB_STATE_CANCELLED ? AttemptOutcome::kCancelled
                                               : AttemptOutcome::kFailed;
}

absl::Status Sweep::LoadJobs() {
  const absl::StatusOr<std::vector<StoredAttempt>> attempts = store_->Attempts(stored_.sweep);
  if (!attempts.ok()) return attempts.status();
  jobs_.assign(plan_.jobs.size(), SweepJob());
  for (StoredAttempt attempt : *attempts) {
    if (attempt.outcome == AttemptOutcome::kOpen && attempt.run) {
      const absl::StatusOr<AttemptOutcome> outcome = OutcomeOf(*attempt.run);
      if (!outcome.ok()) return outcome.status();
      if (*outcome != AttemptOutcome::kOpen) {
        const absl::Status set = store_->SetOutcome(attempt.token, *outcome);
        if (!set.ok()) return set;
      }
      attempt.outcome = *outcome;
    }
    jobs_.at(static_cast<size_t>(attempt.job)).attempts.push_back(std::move(attempt));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Sweep::SendNext(std::stop_token stop) {
  for (size_t i = 0; i < jobs_.size(); ++i) {
    const SweepJob& job = jobs_[i];
    if (job.ended() || job.on_board()) continue;
    if (CountInterrupted(job) >= interrupted_before_[i] + kMaxInterrupted) {
      return Ending(ExitCode::kPartial,
                    absl::AbortedError(fmt::format(
                        "job {} ({}) was interrupted {} times: see what brings the board down; "
                        "submit goes on with it again",
                        i + 1, plan_.file.jobs[i].label(), kMaxInterrupted)));
    }
    std::string token;
    if (!job.attempts.empty() && job.outcome() == AttemptOutcome::kOpen) {
      token = job.attempts.back().token;  // perhaps the board has it already
    } else {
      const absl::StatusOr<std::string> drawn = NewToken();
      if (!drawn.ok()) return drawn.status();
      token = *drawn;
      const absl::Status added = store_->AddAttempt(
          stored_.sweep, {.job = static_cast<int64_t>(i),
                          .attempt = static_cast<int64_t>(job.attempts.size()) + 1,
                          .token = token});
      if (!added.ok()) return added;
    }
    const absl::Status sent = Send(i, token, stop);
    if (absl::IsAlreadyExists(sent)) {
      // It ran, and its records are not to be had any more.
      const absl::Status set = store_->SetOutcome(token, AttemptOutcome::kInterrupted);
      if (!set.ok()) return set;
    } else if (absl::IsResourceExhausted(sent)) {
      PrintNote(std::string(sent.message()));
      return false;
    } else if (!sent.ok()) {
      return sent;
    }
    if (absl::Status loaded = LoadJobs(); !loaded.ok()) return loaded;
    return true;
  }
  return false;
}

absl::Status Sweep::Send(size_t i, const std::string& token, std::stop_token stop) {
  const PlannedJob& planned = plan_.file.jobs[i];
  const MeasureOptions& options = plan_.jobs[i];
  if (prepared_point_ != planned.point) {
    absl::StatusOr<Job> job = PrepareJob(options);
    if (!job.ok()) return job.status();
    prepared_ = *std::move(job);
    prepared_point_ = planned.point;
  }
  JobInterrupt interrupt;
  std::stop_callback stopper(stop, [&] { interrupt.OnSignal(1); });
  const absl::StatusOr<EnteredRun> entered =
      SubmitJob(ForBoard(options.job, link_->board()), options.model, prepared_, *store_, *link_,
                interrupt, token);
  if (!entered.ok()) return entered.status();
  PrintNote(fmt::format("run {}: job {} of {}, {}", entered->number, i + 1, jobs_.size(),
                        planned.label()));
  return absl::OkStatus();
}

absl::Status Sweep::ReceiveOldest(std::stop_token stop) {
  size_t oldest = jobs_.size();
  for (size_t i = 0; i < jobs_.size(); ++i) {
    if (!jobs_[i].on_board()) continue;
    if (oldest == jobs_.size() ||
        *jobs_[i].attempts.back().run < *jobs_[oldest].attempts.back().run) {
      oldest = i;
    }
  }
  if (oldest == jobs_.size()) return absl::OkStatus();
  const int64_t run = *jobs_[oldest].attempts.back().run;
  const absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(store_->path(), run);
  if (!claim.ok()) return claim.status();
  if (!*claim) {  // a fetch: it says when it has ended
    RealClock().SleepUntil(RealClock().Now() + Milliseconds(200));
    return LoadJobs();
  }
  const absl::Status received = ReceiveRun(*store_, link_->board(), *link_, run, stop);
  if (!received.ok()) return received;
  if (absl::Status loaded = LoadJobs(); !loaded.ok()) return loaded;
  Announce(oldest);
  return absl::OkStatus();
}

void Sweep::Announce(size_t i) {
  if (jobs_[i].outcome() == AttemptOutcome::kOpen) return;
  PrintNote(fmt::format("run {}: {}; {} of {} jobs of sweep {} have ended",
                        jobs_[i].attempts.back().run.value_or(0), OutcomeText(jobs_[i].outcome()),
                        CountEnded(), jobs_.size(), stored_.sweep));
}

absl::Status Sweep::Step(std::stop_token stop, bool* done) {
  const auto on_board = [&] {
    return static_cast<size_t>(std::ranges::count_if(jobs_, &SweepJob::on_board));
  };
  *done = CountEnded() == jobs_.size();
  if (*done) return store_->FinishSweep(stored_.sweep);
  while (!options_.wait || on_board() <= kAhead) {
    const absl::StatusOr<bool> sent = SendNext(stop);
    if (!sent.ok()) return sent.status();
    if (*sent) continue;
    *done = !options_.wait;
    if (*done) return absl::OkStatus();
    break;
  }
  if (on_board() == 0) {  // the queue is full of others' jobs
    RealClock().SleepUntil(RealClock().Now() + kFullQueuePause);
    return absl::OkStatus();
  }
  return ReceiveOldest(stop);
}

absl::Status Sweep::Run(std::stop_token stop) {
  if (absl::Status opened = Open(); !opened.ok()) return opened;
  if (absl::Status loaded = LoadJobs(); !loaded.ok()) return loaded;
  for (size_t i = 0; i < jobs_.size(); ++i) interrupted_before_[i] = CountInterrupted(jobs_[i]);
  PrintNote(fmt::format("sweep {} ({}) on {}: {} jobs, {} of them have ended", stored_.sweep,
                        stored_.name, board_name_, jobs_.size(), CountEnded()));
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
