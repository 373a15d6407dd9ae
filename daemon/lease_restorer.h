// What the leases of a dead daemon have left, put back: at the start of the next one and by
// `synergyd --restore`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/restore.h"

namespace synergy {

// The folder of the leases' journals in a state folder, or in one of simulated clocks.
std::string LeaseFolder(const std::string& state_dir);
// Where simulated boards have their clocks, in a state folder (daemon/clocks/simulated_clocks.h).
std::string SimulatedClockFolder(const std::string& state_dir);
// Of /proc/sys/kernel/random/boot_id.
absl::StatusOr<std::string> ReadBootId();

// The command that puts back by hand what leases of this state folder have left, while no synergyd
// uses it; for a shell.
std::string RestoreByHand(const std::string& state_dir, const std::string& sysfs_root);

// Of this boot and this machine. The path of `sysfs_root` may lead over links.
absl::StatusOr<RestoreOptions> RestoreOptionsOf(const std::string& state_dir,
                                                const std::string& sysfs_root,
                                                AttributeFiles& files);

struct RestoredLeases {
  std::vector<std::string> lines;  // what was put back and what was not, for people
  bool clean = true;               // nothing is left that is not as it was
};
// `sysfs_root` is "/sys", or a captured tree; `files` are of it. Simulated clocks are put back as
// well. The caller holds the state folder.
RestoredLeases RestoreLeases(const std::string& state_dir, const std::string& sysfs_root,
                             AttributeFiles& files);

}  // namespace synergy
