// Runs that an earlier command left behind are completed at the next contact with their board.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/board_link.h"
#include "client/store/run_claim.h"
#include "client/store/store.h"

namespace synergy {

// Receives one stored run to its end, with a progress line on stderr. Errors as
// RunTransfer::Complete.
absl::Status ReceiveRun(Store& store, BoardLink& link, int64_t number, std::stop_token stop);

// Completes every unfinished run of the board that no other synergyctl is receiving, each announced
// on stderr. Returns them as they are stored now. A run that the board refuses is reported on
// stderr and left for later; other errors end it.
absl::StatusOr<std::vector<StoredRun>> CompleteUnfinishedRuns(Store& store, BoardLink& link,
                                                              std::stop_token stop);

}  // namespace synergy
