// What `synergyctl board` says of a board, for people and for programs (docs/json.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/commands/job_list.h"
#include "nlohmann/json.hpp"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/device.pb.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Borrows the board.
struct BoardState {
  const v1::BoardInfo& board;
  std::vector<v1::JobStatus> jobs;
  std::optional<v1::ObjectStatus> objects;
  Progress progress = Progress::kShown;  // of the jobs
};

// Lines, each with its newline; what the board says is made fit for a terminal.
std::string BoardText(const BoardState& state);
nlohmann::ordered_json BoardJson(const BoardState& state);

}  // namespace synergy
