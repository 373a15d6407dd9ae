// What the leases of a dead daemon have left, put back: at the start of the next one and by
// `synergyd --restore`.
#pragma once

#include <string>
#include <vector>

#include "daemon/clocks/attribute_files.h"

namespace synergy {

// The folder of the leases' journals in a state folder.
std::string LeaseFolder(const std::string& state_dir);

struct RestoredLeases {
  std::vector<std::string> lines;  // what was put back and what was not, for people
  bool clean = true;               // nothing is left that is not as it was
};
// `sysfs_root` is "/sys", or a captured tree. The caller holds the state folder.
RestoredLeases RestoreLeases(const std::string& state_dir, const std::string& sysfs_root,
                             AttributeFiles& files);

}  // namespace synergy
