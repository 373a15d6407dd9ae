// Counted events in JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "client/analysis/run_report.h"

namespace synergy {

// Of a run: null where no events were counted.
nlohmann::ordered_json CountedJson(const RunReport& report);
// Of an operator, by the events' names.
nlohmann::ordered_json CountsJson(const RunReport& report, const OpReport& op);

}  // namespace synergy
