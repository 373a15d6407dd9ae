// What measuring takes from the board: v1::ObserverCost, as the difference of what was counted at
// two instants.
#pragma once

#include <cstdint>
#include <optional>

#include "common/clock.h"
#include "daemon/jobs/process_usage.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Since the daemon began.
struct ObserverCounts {
  MonotonicTime at;
  ProcessUsage daemon;
  std::optional<ProcessUsage> front;  // nothing: none lives
  uint64_t transfers = 0;             // Sampler::transfers
  uint64_t bytes_written = 0;         // to the spool
};

// The front reads of files what it sends of runs, and next to nothing else: so that stands for what
// it has sent. A front that was started in between counts from its start on; what one that ended
// had used by then is not known and left out. So are the wake-ups of its threads that have ended.
v1::ObserverCost CostBetween(const ObserverCounts& before, const ObserverCounts& after);

}  // namespace synergy
