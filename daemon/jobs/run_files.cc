#include "daemon/jobs/run_files.h"

#include "common/files.h"
#include "daemon/jobs/job_table.h"
#include "fmt/format.h"

namespace synergy {

absl::StatusOr<UniqueFd> OpenRecordsOf(const v1::JobStatus& job, const RunFolder& folder) {
  absl::StatusOr<UniqueFd> fd = OpenForReading(folder.Spool());
  if (!absl::IsNotFound(fd.status())) return fd;
  return absl::UnavailableError(
      fmt::format("Opening the records of {}: there are none before the job runs", job.run_id()));
}

absl::StatusOr<UniqueFd> OpenTruthOf(const v1::JobStatus& job, const RunFolder& folder) {
  if (!HasEnded(job)) {
    return absl::UnavailableError(
        fmt::format("Opening the truth of {}: it is written when the job has ended", job.run_id()));
  }
  if (!job.has_truth()) {
    return absl::FailedPreconditionError(fmt::format(
        "Opening the truth of {}: there is none; only simulated boards know what a job truly cost",
        job.run_id()));
  }
  return OpenForReading(folder.Truth());
}

absl::StatusOr<UniqueFd> OpenOutputsOf(const v1::JobStatus& job, const RunFolder& folder) {
  if (!HasEnded(job)) {
    return absl::UnavailableError(
        fmt::format("Opening the outputs of {}: they are written when the job ends", job.run_id()));
  }
  if (!job.has_outputs()) {
    return absl::FailedPreconditionError(fmt::format(
        "Opening the outputs of {}: it left none; a job keeps them when it is asked to (run "
        "--outputs FILE) and ends well",
        job.run_id()));
  }
  return OpenForReading(folder.Outputs());
}

absl::StatusOr<UniqueFd> OpenLogOf(const v1::JobStatus& job, const RunFolder& folder) {
  if (!HasEnded(job)) {
    return absl::UnavailableError(
        fmt::format("Opening the log of {}: it is written when the job ends", job.run_id()));
  }
  absl::StatusOr<UniqueFd> fd = OpenForReading(folder.WorkerLog());
  if (!absl::IsNotFound(fd.status())) return fd;
  return absl::FailedPreconditionError(
      fmt::format("Opening the log of {}: its engine printed nothing", job.run_id()));
}

}  // namespace synergy
