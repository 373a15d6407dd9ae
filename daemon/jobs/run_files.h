// What a job leaves, as read-only descriptors for those who send it on.
#pragma once

#include "absl/status/statusor.h"
#include "common/unique_fd.h"
#include "daemon/jobs/run_folder.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Unavailable, here and below: the job has none yet.
absl::StatusOr<UniqueFd> OpenRecordsOf(const v1::JobStatus& job, const RunFolder& folder);
// FailedPrecondition: a real board, whose truth nobody knows.
absl::StatusOr<UniqueFd> OpenTruthOf(const v1::JobStatus& job, const RunFolder& folder);
// FailedPrecondition: the job left no outputs.
absl::StatusOr<UniqueFd> OpenOutputsOf(const v1::JobStatus& job, const RunFolder& folder);
// FailedPrecondition: its engine printed nothing.
absl::StatusOr<UniqueFd> OpenLogOf(const v1::JobStatus& job, const RunFolder& folder);

}  // namespace synergy
