// Which runs `synergyctl runs prune` removes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "client/store/store.h"

namespace synergy {

// A run goes when all that is given here applies to it and it has no tag. Runs that are not
// complete only go with `incomplete`, and then only those.
struct PruneRule {
  std::optional<double> older_than_days = std::nullopt;
  std::optional<uint64_t> keep = std::nullopt;  // spares the newest of the runs, complete or not
  bool incomplete = false;

  bool empty() const { return !older_than_days && !keep && !incomplete; }
};

// Pure. `now_unix_ns` is the host's wall time: ages are for people.
std::vector<StoredRun> SelectForPruning(const std::vector<StoredRun>& runs, const PruneRule& rule,
                                        int64_t now_unix_ns);

}  // namespace synergy
