// An INA3221 as the kernel's driver that is bound to it describes it: what must be known of the
// chip before its registers are read without that driver (i2c_ina3221.h).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/hwmon_folder.h"
#include "daemon/power/ina3221_source.h"
#include "daemon/power/known_ina3221.h"

namespace synergy {

struct BoundIna3221 {
  std::string device;    // the folder that the driver is unbound from, ".../1-0040"
  int bus = 0;           // as the kernel numbers it
  Ina3221Wiring wiring;  // "ina3221 1-0040"; the inputs in use; their rails as the driver calls
                         // them: not yet unique
};

// FailedPrecondition of both: it is on no I2C bus, no input is in use, or the shunt of one that is
// in use is not known.
//
// Mainline's driver (hwmon) shows labels and shunts. `known`: of this chip.
absl::StatusOr<BoundIna3221> DescribeHwmonIna3221(const HwmonDevice& device,
                                                  const KnownIna3221& known);

// NVIDIA's IIO driver shows the rails' names alone. It takes the shunts from the device tree
// (of_node/CHANNEL/ti,shunt-resistor-mohm), and so is it done here; where that is not shown, as
// before Linux 4.1, from the sensor of `profile` on the same bus at the same address, if that has a
// rail of this name at this channel. `folder` is one of ListIioIna3221.
absl::StatusOr<BoundIna3221> DescribeIioIna3221(const std::string& folder,
                                                const BoardProfile& profile);

}  // namespace synergy
