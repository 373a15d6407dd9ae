// Runs that an earlier command left behind are completed at the next contact with their board.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/run_transfer.h"
#include "client/store/store.h"

namespace synergy {

// Receives one stored run to its end, with a progress line on stderr, and the end of its engine's
// log there where it has failed. Errors as RunTransfer::Complete; `on_complete` and `on_chunk` as
// RunTransfer::Listener's.
absl::Status ReceiveRun(Store& store, const v1::BoardInfo& board, RunSource& source, int64_t number,
                        std::stop_token stop,
                        const std::function<absl::Status(const StoredRun&)>& on_complete = {},
                        const std::function<void(const v1::Chunk&)>& on_chunk = {});

struct ResumeOutcome {
  std::vector<StoredRun> completed;  // as they are stored now
  std::vector<int64_t> left;  // whose records the board refuses, gives damaged or no longer has
  std::vector<StoredRun> going_on;  // left alone, as asked
};

// Completes every unfinished run of the board that no other synergyctl is receiving and whose id is
// not in `leave_alone`, each announced on stderr. A run that cannot be completed is reported there
// and does not keep the others, or a new one, from being measured; a lost board, a store that
// cannot be written and `stop` end it, the latter with how to cancel the job that was followed.
absl::StatusOr<ResumeOutcome> CompleteUnfinishedRuns(Store& store, const v1::BoardInfo& board,
                                                     RunSource& source, std::stop_token stop,
                                                     const std::set<std::string>& leave_alone = {});

}  // namespace synergy
