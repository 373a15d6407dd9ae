// Where hwmon devices are: <sysfs>/class/hwmon/hwmonN (Documentation/hwmon/sysfs-interface.rst). N
// is given out anew each time a driver is bound, so that a device is known by what it is a part of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace synergy {

struct HwmonDevice {
  std::string folder;  // <sysfs>/class/hwmon/hwmon2
  std::string chip;    // the attribute `name`: "ina3221"
  // The device's own folder with links resolved, .../i2c-1/1-0040; "" where it has none.
  std::string device;

  // For people: "ina3221 1-0040"; "coretemp hwmon2" where it is no part of a device.
  std::string Name() const;
};

// In the order of their numbers. Those without a name are none.
std::vector<HwmonDevice> ListHwmon(const std::string& sysfs);
// The folder of the same chip on the same device as it is called now. NotFound where it is gone.
absl::StatusOr<std::string> FindHwmon(const std::string& sysfs, const HwmonDevice& device);

// The numbers N for which the folder has an attribute PREFIX N SUFFIX: ("curr", "_input"). Sorted.
std::vector<int> AttributeNumbers(const std::string& folder, std::string_view prefix,
                                  std::string_view suffix);
// The folder with links resolved: .../1-0040/hwmon/hwmon2 is of that device only, whereas
// class/hwmon/hwmon2 may be another one after the next boot or bind. Itself where it is not there.
std::string ResolvedFolder(const std::string& folder);
bool HasAttribute(const std::string& folder, const std::string& file);

}  // namespace synergy
