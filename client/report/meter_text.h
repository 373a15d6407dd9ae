// The lines about a meter on the host in a run's text.
#pragma once

#include <string>

#include "synergy/v1/meter.pb.h"

namespace synergy {

// With a newline after each.
std::string MeterText(const v1::MeterRecord& record);

}  // namespace synergy
