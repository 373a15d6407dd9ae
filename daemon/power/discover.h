// Looks for everything on a machine that measures power.
#pragma once

#include <string>
#include <vector>

#include "common/clock.h"
#include "common/settings.h"
#include "daemon/power/attribute_source.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/i2c_ina3221.h"
#include "daemon/power/rail_names.h"
#include "daemon/power/vcgencmd_source.h"

namespace synergy {

struct DiscoveredSources {
  // Ready to be read, with what is known of their rails. The names of the rails are unique. Which
  // rails of different sources overlap is not known here: a board's profile says it.
  std::vector<FoundSource> sources;
  // Devices that are not read, a line each: which, why, and what to do where something can be done.
  std::vector<std::string> unused;
  RailNames names;  // those of the rails, for sources to come
};

// `sysfs` is "/sys" or a captured tree. `vcgencmd` runs the Raspberry Pi's command; null where
// there is none. With `open_bus`, INA3221s are taken from their drivers and read directly
// (i2c_ina3221.h); one that cannot be is read through its driver, and a remark of its source says
// why. `settings` and `clock` outlive the sources. Each source that needs settings
// makes them here. Never fails: what cannot be opened is unused.
// `profile`: of the board (known_ina3221.h).
DiscoveredSources DiscoverSources(const std::string& sysfs, SettingWriter& settings, Clock& clock,
                                  const BoardProfile& profile,
                                  VcgencmdSource::Run vcgencmd = nullptr,
                                  const OpenBus& open_bus = nullptr);

}  // namespace synergy
