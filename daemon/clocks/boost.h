// The switch of the CPU's boost: clocks above the table's highest, which heat soon takes back.
//
// Sources: Documentation/admin-guide/pm/cpufreq.rst ("Boost": cpufreq/boost; newer kernels also
// have policyN/boost), intel_pstate.rst (no_turbo: 1 switches it off).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/cpu_clocks.h"
#include "daemon/clocks/frequency_lease.h"

namespace synergy {

struct BoostSwitch {
  std::vector<std::string> paths;  // one of all policies, or one of each that can
  bool inverted = false;           // 1 switches boost off
  bool on = false;                 // of every path
};

// Nothing where this kernel has none.
std::optional<BoostSwitch> FindBoost(AttributeFiles& files, const std::string& sysfs_root,
                                     const CpuClocks& clocks);

// The writes, after notes of the limits that boost moves. FailedPrecondition: there is no switch.
absl::StatusOr<std::vector<Setting>> PlanBoost(AttributeFiles& files, const std::string& sysfs_root,
                                               const CpuClocks& clocks, bool on);

}  // namespace synergy
