// Clocks for people.
#pragma once

#include <string>

#include "synergy/v1/clocks.pb.h"

namespace synergy {

// What is said wherever simulated clocks are shown.
inline constexpr char kSimulatedClocks[] =
    "SIMULATED: no real clock is set, and no durations follow these";

// Policies, tables, present values, temperatures, what throttled, who holds the lease. Text of the
// board is made printable.
std::string ClockText(const v1::ClockState& state);

}  // namespace synergy
