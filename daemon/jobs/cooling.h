// Waiting until a board is cool, so that a job does not begin where the last one left it.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "common/clock.h"
#include "daemon/clocks/conditions.h"
#include "daemon/jobs/job_executor.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Lets time pass, a moment at most; an error ends the wait for cool with it.
using LetPass = std::function<absl::Status(Nanoseconds)>;
// Of a job that has no process yet: Cancelled once `cancel`, which outlives it, says so.
LetPass UntilCancelled(const CancelToken& cancel);

// Returns when every decisive thermal zone is below spec.cool_below_c, at once where the job asks
// for none. `progress` is told the hottest one each `period`. FailedPrecondition: no zone can be
// read; DeadlineExceeded with the zone: spec.cool_timeout_s (kDefaultCoolTimeoutS) was too short;
// what `let_pass` says.
absl::Status WaitUntilCool(const v1::JobSpec& spec, const Conditions& conditions,
                           const LetPass& let_pass, const ProgressCallback& progress, Clock& clock,
                           Nanoseconds period = Milliseconds(500));

}  // namespace synergy
