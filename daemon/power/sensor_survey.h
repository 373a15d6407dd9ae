// What power sensors the kernel of this machine shows.
#pragma once

#include <string>
#include <vector>

namespace synergy {

// One line for each sensor of power, energy or current under `sysfs`/class/hwmon and
// `sysfs`/class/powercap, such as "hwmon2 (ina3221)" or "powercap intel-rapl:0 (package-0)",
// sorted. Folders that cannot be read are skipped. `sysfs` is "/sys" but in tests.
std::vector<std::string> SurveyPowerSensors(const std::string& sysfs);

}  // namespace synergy
