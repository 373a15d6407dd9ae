// The live view of boards on the terminal, with its keys.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "client/commands/board_watch.h"

namespace synergy {

inline constexpr double kLiveInterval_s = 0.1;  // between frames

// stdin and stdout are a terminal that can show it.
bool IsLiveTerminal();

// Shows at least one board until `q`, the terminal's end or `stop`; then the terminal is as it was.
// Cancelled: it was `stop`. FailedPrecondition: it is no terminal.
absl::Status ShowLive(const std::vector<std::unique_ptr<BoardWatch>>& boards, double interval_s,
                      std::stop_token stop);

}  // namespace synergy
