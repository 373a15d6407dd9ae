// RAPL energy counters of x86 processors through the powercap framework
// (Documentation/power/powercap/powercap.rst): <sysfs>/class/powercap/intel-rapl:P[:S], on AMD too.
//
// One source for all zones: energy_uj (microjoules, wraps after max_energy_range_uj), `name`. The
// counters are updated about once a millisecond (Intel SDM, volume 3B, "RAPL interfaces"). Since
// Linux 5.10 only root may read them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/power/attribute_source.h"
#include "daemon/power/rail_names.h"

namespace synergy {

// Whether there are any zones with a counter.
bool HasRapl(const std::string& sysfs, const std::shared_ptr<SysfsTree>& tree = FileTree());

// Rails are named after the zones: "package-0", "package-0 core". What a zone contains is said;
// zones of intel-rapl-mmio count the same packages again and are left out where there are others.
// `psys`, the whole platform, contains the packages; `dram` is no part of its package's counter.
// PermissionDenied where this process is not root; NotFound without zones. `clock` outlives the
// source.
absl::StatusOr<FoundSource> OpenRapl(const std::string& sysfs, RailNames& names, Clock& clock,
                                     const std::shared_ptr<SysfsTree>& tree = FileTree());

}  // namespace synergy
