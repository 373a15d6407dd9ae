// How far the jobs of a sweep have come, and which is to be sent next: what the store says, whoever
// wrote it and died.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/store/store.h"

namespace synergy {

// More attempts at a job that are interrupted than this, in one command, are a fault of the job.
inline constexpr int kMaxInterrupted = 10;
// Whether the attempt that this run was says nothing of its job, and another one is to be made.
bool WasInterrupted(const StoredRun& run);

// A job of the plan, with its attempts in their order.
struct SweepJob {
  std::vector<StoredAttempt> attempts;

  bool ended() const;
  // Of the last attempt.
  AttemptOutcome outcome() const {
    return attempts.empty() ? AttemptOutcome::kOpen : attempts.back().outcome;
  }
  bool on_board() const {
    return !attempts.empty() && attempts.back().outcome == AttemptOutcome::kOpen &&
           attempts.back().run.has_value();
  }
  size_t CountInterrupted() const;
};

// "not sent", "on board", "done".
std::string_view OutcomeName(const SweepJob& job);

// All `count` jobs of the sweep. Notes in the store how runs that are here wholly have ended: a run
// that the user has deleted counts as cancelled.
absl::StatusOr<std::vector<SweepJob>> LoadSweepJobs(Store& store, int64_t sweep, size_t count);

// In one line why the last attempt did not end well; "": it did, or nobody knows.
std::string FailureOf(Store& store, const SweepJob& job);

size_t CountEnded(const std::vector<SweepJob>& jobs);
// The first that has neither ended nor is on the board.
std::optional<size_t> NextToSend(const std::vector<SweepJob>& jobs);
// The one whose run was entered first.
std::optional<size_t> OldestOnBoard(const std::vector<SweepJob>& jobs);

// Under which token to send job `index`: that of an attempt that is open, since perhaps the board
// has it already; else that of a new attempt, which is durable in the store then.
absl::StatusOr<std::string> TokenToSend(Store& store, int64_t sweep,
                                        const std::vector<SweepJob>& jobs, size_t index);

}  // namespace synergy
