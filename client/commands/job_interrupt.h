// What Ctrl-C does while a job of ours runs.
#pragma once

#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/commands/board_link.h"

namespace synergy {

// The first signal cancels the job on the board, whose records up to there still come; the second
// one stops waiting for them, the third one ends the process. Before there is a job the first one
// stops. Thread-safe.
class JobInterrupt {
 public:
  // For the n-th signal, from 1.
  void OnSignal(int nth) ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on there is a job to cancel, and `link` outlives this; cancelled at once where the
  // signal came first.
  void SetJob(BoardLink* link, const std::string& run_id) ABSL_LOCKS_EXCLUDED(mutex_);

  bool interrupted() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void Cancel(BoardLink* link, const std::string& run_id);

  mutable absl::Mutex mutex_;
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
  BoardLink* link_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::string run_id_ ABSL_GUARDED_BY(mutex_);
  std::stop_source stop_;
};

}  // namespace synergy
