// Which incomplete runs may be pruned: not those that their board can still complete.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/store/store.h"

namespace synergy {

// What the daemon of a command's --host said.
struct BoardAnswer {
  std::string board_id;
  std::vector<v1::JobStatus> jobs;
};

struct PruneChoice {
  std::vector<StoredRun> go;       // in the order of the given runs
  std::vector<std::string> stays;  // a line for people on each of the others: why, and what to do
  bool all_known = true;           // false: some stay because their board was not asked
};

// Pure. Complete and abandoned runs go: there is nothing more of them to come. An error in `answer`
// says why the board was not reached.
PruneChoice SpareWhatBoardsHave(const std::vector<StoredRun>& runs,
                                const absl::StatusOr<BoardAnswer>& answer);

// Those of `selected` that are there `now`, read after they were claimed, and have not become
// complete since they were selected: another synergyctl may have done that. Pure.
std::vector<StoredRun> StillAsSelected(const std::vector<StoredRun>& selected,
                                       const std::vector<StoredRun>& now);

}  // namespace synergy
