// What stands wherever numbers of a board that is not measured live are shown.
#pragma once

#include <string>

#include "synergy/v1/board.pb.h"

namespace synergy {

// "": it is measured. Boards called "sim:..." are a model's; else the sensors are the files of a
// captured tree (synergyd --sysfs-root).
inline std::string SimulatedReason(const v1::BoardInfo& board) {
  if (!board.simulated()) return "";
  return board.name().starts_with("sim:")
             ? "the powers come from a model of the board, not from a sensor"
             : "the sensors are the files of a captured tree, read as they stand there: nothing is "
               "measured";
}

// As a sentence; "" likewise.
inline std::string SimulatedNotice(const v1::BoardInfo& board) {
  const std::string reason = SimulatedReason(board);
  return reason.empty() ? "" : "SIMULATED: " + reason + ".";
}

}  // namespace synergy
