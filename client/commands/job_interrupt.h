// What Ctrl-C does while a job of ours runs.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/commands/board_link.h"

namespace synergy {

// The first signal cancels the job on the board, whose records up to there still come; the second
// one stops waiting for them, the third one ends the process. A first signal that comes before the
// job is there cancels it as soon as it is. Thread-safe.
class JobInterrupt {
 public:
  // For the n-th signal, from 1. Never waits for the board.
  void OnSignal(int nth) ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on there is a job to cancel, after one that has ended perhaps, and `link` outlives the
  // signals; cancelled at once where the first signal came before.
  void SetJob(BoardLink* link, const std::string& run_id) ABSL_LOCKS_EXCLUDED(mutex_);

  // The job has ended: from now on a first signal cancels nothing on the board.
  void JobEnded() ABSL_LOCKS_EXCLUDED(mutex_);

  bool interrupted() const { return first_.stop_requested(); }
  // Stopped by the first signal: for everything that is not the job itself.
  std::stop_token first() const { return first_.get_token(); }
  // Stopped by the second one, or where the job cannot be cancelled.
  std::stop_token token() const { return stop_.get_token(); }

 private:
  void StartCancelling() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Cancel(DeviceClient& client, const std::string& run_id);

  absl::Mutex mutex_;
  BoardLink* link_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::string run_id_ ABSL_GUARDED_BY(mutex_);
  std::stop_source first_;
  std::stop_source stop_;
  std::jthread canceller_ ABSL_GUARDED_BY(mutex_);  // waits for the board's answer
};

}  // namespace synergy
