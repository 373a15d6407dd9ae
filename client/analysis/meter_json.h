// The object `meter` of a run's JSON document (docs/json.md). Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "synergy/v1/meter.pb.h"

namespace synergy {

nlohmann::ordered_json MeterJson(const v1::MeterRecord& record);

}  // namespace synergy
