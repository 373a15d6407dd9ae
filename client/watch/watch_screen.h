// The live view of a board, as `synergyctl watch` lays it out. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/watch/board_state.h"
#include "client/watch/canvas.h"
#include "client/watch/pane_layout.h"
#include "client/watch/watch_view.h"

namespace synergy {

struct WatchScreen {
  TerminalLook look;
  uint64_t skipped = 0;  // frames that the terminal did not take
  size_t devices = 1;    // that are watched
};

// As large as the pane. A board that is not the chosen one of `view` shows all of its rails.
// `shown`: what of it keys may change; null: nobody asks.
Canvas DrawPane(const BoardState& state, const WatchView& view, const WatchScreen& screen,
                const Pane& pane, ShownBoard* shown = nullptr);
// The last row: what keys there are.
void DrawKeys(Canvas* canvas);

}  // namespace synergy
