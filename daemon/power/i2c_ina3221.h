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
#include "daemon/power/bound_ina3221.h"
#include "daemon/power/rail_names.h"
#include "daemon/power/register_bus.h"

namespace synergy {

// Opens the bus that the kernel numbers so.
using OpenBus = std::function<absl::StatusOr<std::shared_ptr<RegisterBus>>(int number)>;
// /dev/i2c-N.
OpenBus OpenI2cDev(Clock& clock);

// Takes over the chip that `chip` describes, with the inputs that are in use. `settings` unbinds
// the driver and binds it again at the end; it outlives the source. The bus's and `settings`'
// errors leave the driver bound and take no names. Where the chip cannot be used after that, the
// driver stays unbound until the settings are put back.
absl::StatusOr<FoundSource> OpenI2cIna3221(BoundIna3221 chip, RailNames& names,
                                           SettingWriter& settings, const OpenBus& open_bus);

}  // namespace synergy
