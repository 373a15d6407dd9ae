// A fan that a board's profile names, held at a speed. Only reads: the lease writes.
//
// Sources: Documentation/hwmon/sysfs-interface.rst (pwmN; pwmN_enable 1: by hand), pwm-fan.rst;
// NVIDIA's pwm_fan driver of L4T 4.x (target_pwm; temp_control 0: by hand).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/frequency_lease.h"

namespace synergy {

// Where it may be, below the sysfs root; a '*' stands for the rest of a name.
struct FanPaths {
  std::vector<std::string> targets;  // the first that is there
  uint32_t full = 0;                 // its value at full speed
};

struct Fan {
  std::string target;  // absolute
  uint32_t full = 0;
  double percent = 0;  // of full speed, as it is set now
};

// NotFound with what was looked for; else what is wrong with its value.
absl::StatusOr<Fan> ReadFan(AttributeFiles& files, const std::string& sysfs_root,
                            const FanPaths& paths);

// Takes it from the kernel's temperature control, where there is a switch for that, and sets it.
std::vector<Setting> PlanFan(AttributeFiles& files, const Fan& fan, uint32_t percent);

}  // namespace synergy
