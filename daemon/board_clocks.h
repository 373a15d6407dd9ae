// The clocks of a board's devices, from its profile to those who set them.
#pragma once

#include <vector>

#include "daemon/clocks/device_clocks.h"
#include "daemon/power/board_profile.h"

namespace synergy {

// Each place where a clock may be, the best first. Clocks keep their names and their order.
std::vector<DeviceClockPaths> DeviceClockPlaces(const std::vector<DeviceClockProfile>& clocks);

}  // namespace synergy
