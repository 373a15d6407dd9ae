// What a board's profile says of an INA3221 that the board's kernel shows: the settings that are
// known to work, and the shunts. Currents are computed by the driver with the shunts that the
// kernel has from its device tree; where the profile has others, somebody is wrong.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/power/board_profile.h"
#include "daemon/power/hwmon_folder.h"
#include "daemon/power/ina3221_registers.h"

namespace synergy {

// What NVIDIA's device trees call an input that nothing is connected to.
inline constexpr std::string_view kNotConnected = "NC";
// Profiles have shunts as they are nominally: relative.
inline constexpr double kSameShunt = kShuntTolerance;

struct KnownIna3221 {
  // As of SensorProfile: 0: nothing is known, so the fastest is taken.
  uint32_t averages = 0;
  uint32_t conversion_us = 0;
  // By input, from the first; as of SensorChannelProfile.
  std::array<double, ina3221::kChannels> shunt_tolerance{kShuntTolerance, kShuntTolerance,
                                                         kShuntTolerance};
  // Shunts of which the kernel has another value than the profile, a line each.
  std::vector<std::string> remarks = {};
};

// Of the first sensor of `profile` that measures a rail by which the driver labels an input of
// `device`. Nothing where there is none.
KnownIna3221 KnowIna3221(const BoardProfile& profile, const HwmonDevice& device);

}  // namespace synergy
