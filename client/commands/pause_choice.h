// `run --pause`: how long a job rests at most before each measured iteration.
//
// A sensor converts again and again, each time at the same place of its cycle. Where a network's
// iterations take a whole number of cycles, or nearly so, it meets the same parts of the operators
// in every one. Rests drawn evenly from 0 to a cycle put every iteration elsewhere in it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// Cycles that are longer than this tell no operator from another whatever is rested, and rests of
// their length would make a job of something else.
inline constexpr double kLongestCycleS = 0.010;

// "auto" (nothing: as the board's sensors need), or seconds, or a number with "ms" or "us".
// InvalidArgument otherwise.
absl::StatusOr<std::optional<double>> ParsePause(const std::string& text);

// The longest cycle of the board's sensors up to kLongestCycleS, in seconds; 0 where none is known.
double PauseFor(const v1::BoardInfo& board);

}  // namespace synergy
