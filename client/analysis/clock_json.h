// Clocks as JSON (docs/json.md).
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "synergy/v1/clocks.pb.h"

namespace synergy {

// What was asked of the clocks and what was obtained.
nlohmann::ordered_json ClockLeaseJson(const v1::ClockLease& lease);
nlohmann::ordered_json ClockStateJson(const v1::ClockState& state);

}  // namespace synergy
