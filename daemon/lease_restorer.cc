#include "daemon/lease_restorer.h"

#include "common/sysfs.h"
#include "daemon/clocks/restore.h"
#include "fmt/format.h"

namespace synergy {

std::string LeaseFolder(const std::string& state_dir) { return state_dir + "/leases"; }

RestoredLeases RestoreLeases(const std::string& state_dir, const std::string& sysfs_root,
                             AttributeFiles& files) {
  RestoredLeases result;
  const absl::StatusOr<std::string> boot_id = ReadSysfs("/proc/sys/kernel/random/boot_id");
  if (!boot_id.ok()) {
    result.clean = false;
    result.lines.push_back(
        fmt::format("nothing was restored: {}", std::string(boot_id.status().message())));
    return result;
  }
  const RestoreOptions options = {.boot_id = *boot_id, .sysfs_root = sysfs_root};
  for (const auto& [path, report] : RestoreFolder(LeaseFolder(state_dir), options, files)) {
    if (!report.found && report.status.ok()) continue;
    result.clean = result.clean && report.Clean();
    if (!report.holder.empty() && !report.other_boot) {
      result.lines.push_back(fmt::format("a lease of {} was not ended well:", report.holder));
    }
    for (const std::string& line : DescribeReport(report)) result.lines.push_back(line);
  }
  return result;
}

}  // namespace synergy
