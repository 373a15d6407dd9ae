#include "client/commands/job_interrupt.h"

#include <cstdlib>

#include "client/commands/exit_code.h"

namespace synergy {

void JobInterrupt::OnSignal(int nth) {
  if (nth > 2) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  BoardLink* link = nullptr;
  std::string run_id;
  {
    const absl::MutexLock lock(&mutex_);
    interrupted_ = true;
    link = link_;
    run_id = run_id_;
  }
  if (nth > 1 || link == nullptr) {
    stop_.request_stop();
  } else {
    Cancel(link, run_id);
  }
}

void JobInterrupt::SetJob(BoardLink* link, const std::string& run_id) {
  bool too_late = false;
  {
    const absl::MutexLock lock(&mutex_);
    link_ = link;
    run_id_ = run_id;
    too_late = interrupted_;
  }
  if (too_late) Cancel(link, run_id);
}

bool JobInterrupt::interrupted() const {
  const absl::MutexLock lock(&mutex_);
  return interrupted_;
}

void JobInterrupt::Cancel(BoardLink* link, const std::string& run_id) {
  PrintNote("cancelling the job on the board; Ctrl-C again stops waiting for its last records");
  const absl::StatusOr<v1::JobStatus> cancelled = link->client()->Cancel(run_id);
  if (cancelled.ok()) return;
  PrintError(cancelled.status());
  stop_.request_stop();
}

}  // namespace synergy
