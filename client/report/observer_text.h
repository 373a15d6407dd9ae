// What measuring itself cost the board, for people.
#pragma once

#include <optional>
#include <string>

#include "client/analysis/observer_json.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// A line of a report's head; "" where the run's end does not say it. `busy` as of ObserverJson.
std::string ObserverText(const v1::RunEnd& end,
                         const std::optional<BusyCores>& busy = std::nullopt);

}  // namespace synergy
