// The live view of a board, as `synergyctl watch` lays it out. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "client/watch/board_state.h"
#include "client/watch/canvas.h"
#include "client/watch/watch_view.h"

namespace synergy {

inline constexpr size_t kLeastColumns = 80, kLeastRows = 24;

struct WatchScreen {
  size_t columns = kLeastColumns;
  size_t rows = kLeastRows;
  TerminalLook look;
  uint64_t skipped = 0;  // frames that the terminal did not take
  size_t devices = 1;    // that are watched
};

Canvas DrawWatch(const BoardState& state, const WatchView& view, const WatchScreen& screen);

}  // namespace synergy
