// What is known of a board that is watched, for programs. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "client/watch/board_state.h"

namespace synergy {

// One line of `watch --json` (docs/json.md), for the newest point. `with_energies`: those of the
// run as they were solved last are in it.
nlohmann::ordered_json WatchJson(const BoardState& state, bool with_energies);

}  // namespace synergy
