// Runs the queue's jobs for real: with engines, on the board.
#pragma once

#include <utility>

#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/run_session.h"

namespace synergy {

class JobRunner final : public JobExecutor {
 public:
  JobRunner(RunnerOptions options, RunnerParts parts)
      : options_(std::move(options)), parts_(std::move(parts)) {}

  JobOutcome Execute(const v1::JobStatus& job, const RunFolder& folder, const CancelToken& cancel,
                     const ProgressCallback& progress) override {
    return RunSession(options_, parts_, job, folder, cancel, progress).Run();
  }

  // Whether its events can be counted, or it can do without.
  absl::Status CheckEvents(const v1::JobSpec& spec) const {
    return RunSession::CheckEvents(parts_, spec);
  }

 private:
  const RunnerOptions options_;
  const RunnerParts parts_;
};

}  // namespace synergy
