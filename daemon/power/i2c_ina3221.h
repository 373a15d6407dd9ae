// An INA3221 without its driver: the kernel's is unbound, and the registers are read directly, with
// the chip's conversion-ready flag telling which readings are new ones. For those who ask for it:
// nobody else sees the chip meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/settings.h"
#include "daemon/power/attribute_source.h"
#include "daemon/power/hwmon_folder.h"
#include "daemon/power/known_ina3221.h"
#include "daemon/power/rail_names.h"
#include "daemon/power/register_bus.h"

namespace synergy {

// Opens the bus that the kernel numbers so.
using OpenBus = std::function<absl::StatusOr<std::shared_ptr<RegisterBus>>(int number)>;
// /dev/i2c-N.
OpenBus OpenI2cDev(Clock& clock);

// Takes over the chip that `device` is (its hwmon driver knows the labels and shunts), with the
// channels that are on and connected, and with what is `known` of it. `settings` unbinds the driver
// and binds it again at the end; it outlives the source. Where the chip then cannot be used, the
// driver stays unbound until the settings are put back. FailedPrecondition: the driver shows no
// shunt of a channel in use.
absl::StatusOr<FoundSource> OpenI2cIna3221(const HwmonDevice& device, const KnownIna3221& known,
                                           RailNames& names, SettingWriter& settings,
                                           const OpenBus& open_bus);

}  // namespace synergy
