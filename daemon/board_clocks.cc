#include "daemon/board_clocks.h"

#include <string>

namespace synergy {

std::vector<DeviceClockPaths> DeviceClockPlaces(const std::vector<DeviceClockProfile>& clocks) {
  std::vector<DeviceClockPaths> places;
  for (const DeviceClockProfile& clock : clocks) {
    for (const std::string& folder : clock.devfreq) {
      places.push_back({.name = clock.name, .devfreq = folder});
    }
    if (!clock.devfreq.empty()) continue;
    places.push_back({.name = clock.name,
                      .rate = clock.rate,
                      .rate_read = clock.rate_read,
                      .state = clock.state,
                      .lowest = clock.lowest,
                      .highest = clock.highest});
  }
  return places;
}

}  // namespace synergy
