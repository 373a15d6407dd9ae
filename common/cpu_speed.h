// What the files of a simulated cpufreq policy come to, for the model that draws the power.
#pragma once

#include <cstdint>

namespace synergy {

struct CpuSpeed {
  // As its governor, its limits and its setspeed have it: while nothing runs, and while something
  // does. Neither is above what the policy can.
  int64_t idle_khz = 0, busy_khz = 0;
  uint32_t cores_on = 0;
  friend bool operator==(const CpuSpeed&, const CpuSpeed&) = default;
};

}  // namespace synergy
