#include "daemon/clocks/cpusets.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "common/clock_request.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr char kFile[] = "cpuset.cpus";
constexpr int kDeepest = 16;  // of nested groups: Kubernetes has 5

// Where v1's controller usually is mounted (systemd, cgroupfs-mount), and where Android has it,
// which no lease can write to: it is no sysfs.
std::string Mount(const std::string& sysfs_root) { return sysfs_root + "/fs/cgroup/cpuset"; }
constexpr char kAndroid[] = "/dev/cpuset/cpus";

// Parents before their children, which may have no more than they.
void FindCpusets(AttributeFiles& files, const std::string& folder, int depth,
                 std::vector<std::string>& found) {
  if (depth == kDeepest) return;
  for (const std::string& name : files.List(folder)) {
    const std::string group = folder + "/" + name;
    if (!files.Read(group + "/" + kFile).ok()) continue;
    found.push_back(group + "/" + kFile);
    FindCpusets(files, group, depth + 1, found);
  }
}

// The top one is the kernel's: it always has all that are on.
std::vector<std::string> Cpusets(AttributeFiles& files, const std::string& sysfs_root) {
  std::vector<std::string> found;
  FindCpusets(files, Mount(sysfs_root), 0, found);
  return found;
}

// Sorted; none where it is empty.
std::vector<uint32_t> Cpus(std::string_view text) {
  return ParseCpuList(text).value_or(std::vector<uint32_t>());
}

}  // namespace

void NoteCpusets(AttributeFiles& files, const std::string& sysfs_root, std::vector<Setting>& plan) {
  for (std::string& path : Cpusets(files, sysfs_root)) plan.push_back({.path = std::move(path)});
}

std::vector<std::string> CpusetNotes(AttributeFiles& files, const std::string& sysfs_root,
                                     const std::vector<int>& cores_off) {
  std::vector<std::string> notes;
  if (cores_off.empty()) return notes;
  const std::vector<uint32_t> off(cores_off.begin(), cores_off.end());
  const std::string list = FormatCpuList(off);
  notes.push_back(fmt::format(
      "CPUs {} go off: a process that is bound to these alone may run on any afterwards", list));
  for (const std::string& path : Cpusets(files, sysfs_root)) {
    const std::vector<uint32_t> cpus = Cpus(files.Read(path).value_or(""));
    const bool emptied = !cpus.empty() && std::ranges::all_of(cpus, [&](uint32_t cpu) {
      return std::ranges::find(off, cpu) != off.end();
    });
    if (!emptied) continue;
    notes.push_back(
        fmt::format("{} has no CPU but these: the kernel moves its processes to the group above, "
                    "where they stay",
                    path));
  }
  if (sysfs_root == "/sys" && files.Read(kAndroid).ok()) {
    notes.push_back(fmt::format(
        "the cpusets in /dev/cpuset lose CPUs {} and do not get them back: a restart does that",
        list));
  }
  return notes;
}

bool IsWithoutCores(std::string_view now, std::string_view original,
                    const std::vector<uint32_t>& cores_off) {
  const std::vector<uint32_t> before = Cpus(original), after = Cpus(now);
  std::vector<uint32_t> taken;
  std::ranges::set_difference(before, after, std::back_inserter(taken));
  return std::ranges::includes(before, after) && std::ranges::all_of(taken, [&](uint32_t cpu) {
           return std::ranges::find(cores_off, cpu) != cores_off.end();
         });
}

}  // namespace synergy
