// Completes the spool of a run that nobody writes any more: one that a dead daemon or a full disk
// left without its end, or one of a job that never ran.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/files.h"
#include "daemon/jobs/run_store.h"
#include "synergy/v1/records.pb.h"
#include "synergy/v1/stored_job.pb.h"

namespace synergy {

struct ClosedSpool {
  v1::RunEnd end;       // what the spool says now
  uint64_t chunks = 0;  // the RunEnd's among them
};

// Cuts off a torn last frame and appends `end`, with the number of markers and the last stamp that
// the spool holds. Starts with `header` where the spool is missing or empty. A spool that has its
// end already stays as it is, and that end is returned. Doing it again after an interruption is
// harmless.
absl::StatusOr<ClosedSpool> CloseSpool(const std::string& path, const v1::RunHeader& header,
                                       v1::RunEnd end, Sync sync);

// CloseSpool for a job that ended with `state` and `error`, and was interrupted where its status
// says so (what the spool says already prevails), then brings the job's status up to it and saves
// it. Does not sync: RunStore::Sync. Where the spool cannot be completed that is added to the error
// and the file of the job stays as it was. An error: it is not on the disk, try again.
absl::Status CloseRun(const v1::BoardInfo& board, v1::JobState state, const std::string& error,
                      Clock& clock, RunStore* store, v1::StoredJob* job);

}  // namespace synergy
