// Cpusets of control groups v1: the kernel takes a core that goes off out of `cpuset.cpus` of each
// of them, and does not give it back when it is on again (cpuset_hotplug_update_tasks of
// kernel/cgroup/cpuset.c; those of v2 remember). Docker on L4T and older distributions use them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/frequency_lease.h"

namespace synergy {

// Adds each cpuset, from the top down, to what comes back; none where control groups are v2 only.
void NoteCpusets(AttributeFiles& files, const std::string& sysfs_root, std::vector<Setting>& plan);

// What switching these cores off does besides to what runs, a line each, for people.
std::vector<std::string> CpusetNotes(AttributeFiles& files, const std::string& sysfs_root,
                                     const std::vector<int>& cores_off);

// `now` is what the kernel can have made of `original` by taking `cores_off` out of it ("0,2-3" of
// "0-3" where 1 went off).
bool IsWithoutCores(std::string_view now, std::string_view original,
                    const std::vector<uint32_t>& cores_off);

}  // namespace synergy
