#include "client/commands/sweep_jobs.h"

#include <algorithm>
#include <utility>

#include "client/commands/submission.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kMaxReasonBytes = 400;

absl::StatusOr<AttemptOutcome> OutcomeOf(Store& store, int64_t number) {
  const absl::StatusOr<StoredRun> run = store.Run(number);
  if (absl::IsNotFound(run.status())) return AttemptOutcome::kCancelled;  // deleted by the user
  if (!run.ok()) return run.status();
  if (run->unfinished()) return AttemptOutcome::kOpen;
  if (WasInterrupted(*run)) return AttemptOutcome::kInterrupted;
  if (run->state == v1::JOB_STATE_DONE) return AttemptOutcome::kDone;
  return run->state == v1::JOB_STATE_CANCELLED ? AttemptOutcome::kCancelled
                                               : AttemptOutcome::kFailed;
}

}  // namespace

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

bool WasInterrupted(const StoredRun& run) { return run.abandoned || run.interrupted; }

bool SweepJob::ended() const {
  return outcome() == AttemptOutcome::kDone || outcome() == AttemptOutcome::kFailed ||
         outcome() == AttemptOutcome::kCancelled;
}

size_t SweepJob::CountInterrupted() const {
  return static_cast<size_t>(
      std::ranges::count(attempts, AttemptOutcome::kInterrupted, &StoredAttempt::outcome));
}

absl::StatusOr<std::vector<SweepJob>> LoadSweepJobs(Store& store, int64_t sweep, size_t count) {
  const absl::StatusOr<std::vector<StoredAttempt>> attempts = store.Attempts(sweep);
  if (!attempts.ok()) return attempts.status();
  std::vector<SweepJob> jobs(count);
  for (StoredAttempt attempt : *attempts) {
    if (attempt.outcome == AttemptOutcome::kOpen && attempt.run) {
      const absl::StatusOr<AttemptOutcome> outcome = OutcomeOf(store, *attempt.run);
      if (!outcome.ok()) return outcome.status();
      if (*outcome != AttemptOutcome::kOpen) {
        const absl::Status set = store.SetOutcome(attempt.token, *outcome);
        if (!set.ok()) return set;
      }
      attempt.outcome = *outcome;
    }
    jobs.at(static_cast<size_t>(attempt.job)).attempts.push_back(std::move(attempt));
  }
  return jobs;
}

std::string FailureOf(Store& store, const SweepJob& job) {
  if (job.attempts.empty() || job.outcome() == AttemptOutcome::kDone) return "";
  const absl::StatusOr<StoredRun> run = store.Run(job.attempts.back().run.value_or(0));
  return run.ok() ? Printable(run->error, kMaxReasonBytes) : "";
}

size_t CountEnded(const std::vector<SweepJob>& jobs) {
  return static_cast<size_t>(std::ranges::count_if(jobs, &SweepJob::ended));
}

std::optional<size_t> NextToSend(const std::vector<SweepJob>& jobs) {
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (!jobs[i].ended() && !jobs[i].on_board()) return i;
  }
  return std::nullopt;
}

std::optional<size_t> OldestOnBoard(const std::vector<SweepJob>& jobs) {
  std::optional<size_t> oldest;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (!jobs[i].on_board()) continue;
    if (!oldest || *jobs[i].attempts.back().run < *jobs[*oldest].attempts.back().run) oldest = i;
  }
  return oldest;
}

absl::StatusOr<std::string> TokenToSend(Store& store, int64_t sweep,
                                        const std::vector<SweepJob>& jobs, size_t index) {
  const SweepJob& job = jobs[index];
  if (!job.attempts.empty() && job.outcome() == AttemptOutcome::kOpen) {
    return job.attempts.back().token;
  }
  absl::StatusOr<std::string> token = NewToken();
  if (!token.ok()) return token;
  const absl::Status added =
      store.AddAttempt(sweep, {.job = static_cast<int64_t>(index),
                               .attempt = static_cast<int64_t>(job.attempts.size()) + 1,
                               .token = *token});
  if (!added.ok()) return added;
  return token;
}

}  // namespace synergy
