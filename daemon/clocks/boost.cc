#include "daemon/clocks/boost.h"

#include <algorithm>

namespace synergy {

std::optional<BoostSwitch> FindBoost(AttributeFiles& files, const std::string& sysfs_root,
                                     const CpuClocks& clocks) {
  const std::string cpus = sysfs_root + "/devices/system/cpu";
  const std::string no_turbo = cpus + "/intel_pstate/no_turbo";
  if (const absl::StatusOr<std::string> off = files.Read(no_turbo); off.ok()) {
    return BoostSwitch{.paths = {no_turbo}, .inverted = true, .on = *off == "0"};
  }
  if (clocks.boost.has_value()) {
    return BoostSwitch{.paths = {cpus + "/cpufreq/boost"}, .on = *clocks.boost};
  }
  BoostSwitch found;
  found.on = true;
  for (const CpuPolicy& policy : clocks.policies) {
    if (!policy.boost.has_value()) continue;
    found.paths.push_back(policy.folder + "/boost");
    found.on = found.on && *policy.boost;
  }
  if (found.paths.empty()) return std::nullopt;
  return found;
}

absl::StatusOr<std::vector<Setting>> PlanBoost(AttributeFiles& files, const std::string& sysfs_root,
                                               const CpuClocks& clocks, bool on) {
  const std::optional<BoostSwitch> found = FindBoost(files, sysfs_root, clocks);
  if (!found.has_value()) {
    return absl::FailedPreconditionError(
        "This board's CPU has no switch for boost (none of cpufreq/boost, policyN/boost and "
        "intel_pstate/no_turbo is there): leave it out");
  }
  std::vector<Setting> plan;
  for (const CpuPolicy& policy : clocks.policies) {
    if (policy.active) NotePolicy(files, policy, plan);
  }
  for (const std::string& path : found->paths) {
    plan.push_back({.path = path, .value = on != found->inverted ? "1" : "0"});
  }
  return plan;
}

}  // namespace synergy
