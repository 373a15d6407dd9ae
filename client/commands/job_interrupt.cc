#include "client/commands/job_interrupt.h"

#include <cstdlib>

#include "client/commands/exit_code.h"

namespace synergy {

void JobInterrupt::OnSignal(int nth) {
  if (nth > 2) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
  if (nth == 2) {
    stop_.request_stop();
    return;
  }
  const absl::MutexLock lock(&mutex_);
  first_.request_stop();
  if (link_ != nullptr && !ended_) StartCancelling();
  if (ended_) PrintNote("the job has ended; what is still to come of it is left out");
}

void JobInterrupt::SetJob(BoardLink* link, const std::string& run_id) {
  const absl::MutexLock lock(&mutex_);
  link_ = link;
  run_id_ = run_id;
  ended_ = false;
  if (first_.stop_requested()) StartCancelling();
}

void JobInterrupt::JobEnded() {
  const absl::MutexLock lock(&mutex_);
  ended_ = true;
}

void JobInterrupt::StartCancelling() {
  PrintNote("cancelling the job on the board; Ctrl-C again stops waiting for its last records");
  // Not on the thread of the signals: a board that does not answer must not hold up the next one.
  canceller_ =
      std::jthread([this, client = link_->client(), run_id = run_id_] { Cancel(*client, run_id); });
}

void JobInterrupt::Cancel(DeviceClient& client, const std::string& run_id) {
  const absl::StatusOr<v1::JobStatus> cancelled = client.Cancel(run_id);
  if (cancelled.ok()) return;
  PrintError(cancelled.status());
  stop_.request_stop();
}

}  // namespace synergy
