// What a run ran under as JSON (docs/json.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "client/analysis/run_conditions.h"

namespace synergy {

nlohmann::ordered_json ConditionsJson(const RunConditions& conditions);
// `rails`: the names of IdlePower's rails.
nlohmann::ordered_json IdleJson(const RunConditions& conditions,
                                const std::vector<std::string>& rails);

}  // namespace synergy
