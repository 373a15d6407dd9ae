// Any hwmon device that shows power, energy, or currents and their voltages
// (Documentation/hwmon/sysfs-interface.rst, ina2xx.rst, pmbus.rst): powerN_input or powerN_average
// in uW, energyN_input in uJ, currN_input in mA with inN_input in mV.
//
// Where a device shows power, its currents and voltages are left out: the driver has multiplied
// them already. Otherwise a current belongs to the voltage whose label differs in the first letter
// ("iout1", "vout1": PMBus), or, without labels, whose number is the same.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/power/attribute_source.h"
#include "daemon/power/hwmon_folder.h"
#include "daemon/power/rail_names.h"

namespace synergy {

// Whether the device shows power at all. False for those that other sources read: the INA3221, and
// the hwmon side of power supplies.
bool HasHwmonPower(const HwmonDevice& device);

// Rails are named after their labels, with the device's name in front unless the label is a rail's
// own (capitals). The window is known where the device tells its update_interval, which is then the
// span of its conversions and averages. `clock` outlives the source.
absl::StatusOr<FoundSource> OpenHwmonPower(const std::string& sysfs, const HwmonDevice& device,
                                           RailNames& names, Clock& clock);

}  // namespace synergy
