// Waiting until a board is cool, so that a job does not begin where the last one left it.
#pragma once

#include "absl/status/status.h"
#include "common/clock.h"
#include "daemon/clocks/conditions.h"
#include "daemon/jobs/job_executor.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Returns when every thermal zone is below spec.cool_below_c, at once where the job asks for none.
// `progress` is told the hottest one each `period`. FailedPrecondition: no zone can be read;
// DeadlineExceeded with the zone: spec.cool_timeout_s (kDefaultCoolTimeoutS) was too short;
// Cancelled.
absl::Status WaitUntilCool(const v1::JobSpec& spec, const Conditions& conditions,
                           const CancelToken& cancel, const ProgressCallback& progress,
                           Clock& clock, Nanoseconds period = Milliseconds(500));

}  // namespace synergy
