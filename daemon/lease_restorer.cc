#include "daemon/lease_restorer.h"

#include "common/sysfs.h"
#include "daemon/clocks/simulated_clocks.h"
#include "fmt/format.h"

namespace synergy {
namespace {

void RestoreIn(const std::string& leases, RestoreOptions options, AttributeFiles& files,
               RestoredLeases& result) {
  // Journals hold paths without links. A root that is not there has nothing to restore in it.
  if (const absl::StatusOr<std::string> root = files.Resolve(options.sysfs_root); root.ok()) {
    options.sysfs_root = *root;
  }
  for (const auto& [path, report] : RestoreFolder(leases, options, files)) {
    if (!report.found && report.status.ok()) continue;
    result.clean = result.clean && report.Clean();
    if (!report.holder.empty() && !report.other_boot) {
      result.lines.push_back(fmt::format("a lease of {} was not ended well:", report.holder));
    }
    for (const std::string& line : DescribeReport(report)) result.lines.push_back(line);
  }
  // What an earlier restore could not put back, and never will.
  for (const std::string& name : ListSysfs(leases)) {
    const bool lost = name.find(".journal.damaged") != std::string::npos ||
                      name.find(".journal.gone") != std::string::npos;
    if (!lost) continue;
    result.clean = false;
    result.lines.push_back(
        fmt::format("not everything that {}/{} names was put back: see that the board is as it "
                    "should be (a restart of it does that), then delete this file",
                    leases, name));
  }
}

}  // namespace

std::string LeaseFolder(const std::string& state_dir) { return state_dir + "/leases"; }
std::string SimulatedClockFolder(const std::string& state_dir) {
  return state_dir + "/simulated-clocks";
}

absl::StatusOr<RestoreOptions> RestoreOptionsOf(const std::string& sysfs_root,
                                                AttributeFiles& files) {
  absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) return boot_id.status();
  absl::StatusOr<std::string> root = files.Resolve(sysfs_root);
  if (!root.ok()) return root.status();
  return RestoreOptions{.boot_id = *std::move(boot_id), .sysfs_root = *std::move(root)};
}

absl::StatusOr<std::string> ReadBootId() { return ReadSysfs("/proc/sys/kernel/random/boot_id"); }

RestoredLeases RestoreLeases(const std::string& state_dir, const std::string& sysfs_root,
                             AttributeFiles& files) {
  RestoredLeases result;
  const absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) {
    result.clean = false;
    result.lines.push_back(
        fmt::format("nothing was restored: {}", std::string(boot_id.status().message())));
    return result;
  }
  RestoreIn(LeaseFolder(state_dir), {.boot_id = *boot_id, .sysfs_root = sysfs_root}, files, result);
  const std::string folder = SimulatedClockFolder(state_dir);
  SimulatedClocks simulated(folder);
  RestoreIn(LeaseFolder(folder), {.boot_id = *boot_id, .sysfs_root = SimulatedSysfsRoot(folder)},
            simulated, result);
  return result;
}

}  // namespace synergy
