#include "daemon/clocks/simulated_clocks.h"

#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "common/files.h"
#include "common/sysfs.h"
#include "daemon/clocks/cpu_clocks.h"
#include "daemon/clocks/simulated_domain.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

struct Split {
  std::string folder, name;
};
Split SplitPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

bool IsOn(const std::string& root, int64_t core) {
  return ReadSysfs(fmt::format("{}{}/cpu{}/online", root, kSimulatedCpus, core)).value_or("0") !=
         "0";
}

// Of a policy.
std::vector<int64_t> CoresOn(const std::string& root, const std::string& folder) {
  std::vector<int64_t> on;
  for (const std::string& word : ReadWords(KernelFiles(), folder + "/related_cpus")) {
    const int64_t core = ParseSysfsInteger(word, folder).value_or(-1);
    if (IsOn(root, core)) on.push_back(core);
  }
  return on;
}

// In the order of their first cores.
std::vector<std::string> PolicyFolders(const std::string& root) {
  std::vector<std::string> folders;
  for (const auto& [name, folder] : CpuPolicyFolders(KernelFiles(), root)) {
    folders.push_back(folder);
  }
  return folders;
}

// Among the board's policies.
size_t PolicyNumber(const std::string& root, const std::string& policy) {
  size_t number = 0;
  for (const auto& [name, folder] : CpuPolicyFolders(KernelFiles(), root)) {
    if (name == policy) break;
    ++number;
  }
  return number;
}

std::vector<CpuSpeed> ReadSpeeds(const std::string& root) {
  std::vector<CpuSpeed> speeds;
  for (const std::string& folder : PolicyFolders(root)) {
    const SimulatedDomain domain = ReadSimulatedDomain(folder);
    speeds.push_back({.idle_khz = domain.Idle(),
                      .busy_khz = domain.Busy(),
                      .cores_on = static_cast<uint32_t>(CoresOn(root, folder).size())});
  }
  return speeds;
}

// Whether `core` is the only one that is on.
bool IsLastOn(const std::string& root, const std::string& core_folder) {
  size_t on = 0;
  for (const std::string& folder : PolicyFolders(root)) on += CoresOn(root, folder).size();
  return on == 1 && ReadSysfs(core_folder + "/online").value_or("0") != "0";
}

}  // namespace

SimulatedClocks::SimulatedClocks(std::string folder, SimulatedClockModel model)
    : folder_(std::move(folder)), root_(SimulatedSysfsRoot(folder_)), model_(std::move(model)) {
  const absl::MutexLock lock(&mutex_);
  TellModel();
}

void SimulatedClocks::TellModel() {
  if (model_.set_speeds) model_.set_speeds(ReadSpeeds(root_));
}

std::optional<std::string> SimulatedClocks::Heated(const std::string& folder,
                                                   const std::string& name) {
  if (folder.ends_with(kSimulatedZone) && name == "temp" && model_.celsius) {
    return fmt::format("{:.0f}", model_.celsius() * 1000);
  }
  if (!model_.throttled_khz) return std::nullopt;
  if (folder.ends_with(kSimulatedThrottles)) {
    if (model_.throttled_khz().has_value()) ++throttle_count_;
    return fmt::format("{}", throttle_count_);
  }
  if (!folder.ends_with(kSimulatedCooling) || name != "cur_state") return std::nullopt;
  const std::optional<int64_t> held = model_.throttled_khz();
  if (!held.has_value()) return std::nullopt;
  // A step of the cooling device takes one frequency away.
  const std::vector<int64_t> table =
      ReadSimulatedDomain(root_ + kSimulatedCpus + "/cpufreq/policy0").table;
  return fmt::format("{}", std::ranges::count_if(table, [&](int64_t khz) { return khz > *held; }));
}

absl::StatusOr<std::string> SimulatedClocks::ReadDomain(const std::string& folder,
                                                        const std::string& name,
                                                        const std::string& own) {
  const SimulatedDomain domain = ReadSimulatedDomain(folder);
  int64_t current = domain.table.empty() ? 0 : domain.Idle();
  if (domain.cpu) {
    const std::vector<int64_t> on = CoresOn(root_, folder);
    if (on.empty() && name != "related_cpus") {
      return SysfsError("Reading", folder + "/" + name, EBUSY);
    }
    if (name == "affected_cpus") return fmt::format("{}", fmt::join(on, " "));
    if (name == "scaling_cur_freq" && model_.cpu_khz) {
      current = model_.cpu_khz(PolicyNumber(root_, SplitPath(folder).name));
    }
  }
  return DomainText(domain, name, current).value_or(own);
}

absl::StatusOr<std::string> SimulatedClocks::Read(const std::string& path) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<std::string> own = ReadSysfs(path);
  if (!own.ok()) return own;
  const auto [folder, name] = SplitPath(path);
  if (std::optional<std::string> heated = Heated(folder, name); heated.has_value()) return *heated;
  return ReadDomain(folder, name, *own);
}

absl::Status SimulatedClocks::CheckWrite(const std::string& folder, const std::string& name,
                                         const std::string& value) {
  const std::string path = folder + "/" + name;
  if (name == "online") {
    if (value != "0" && value != "1") return SysfsError("Writing", path, EINVAL);
    return value == "0" && IsLastOn(root_, folder) ? SysfsError("Writing", path, EBUSY)
                                                   : absl::OkStatus();
  }
  for (const SimulatedNumber& number : ReadSimulatedNumbers(folder_)) {
    // The path may be one without links.
    if (!path.ends_with(SimulatedSysfsRoot("") + number.path)) continue;
    const absl::StatusOr<int64_t> wanted = ParseSysfsInteger(value, name);
    const bool takes = wanted.ok() && number.lowest <= *wanted && *wanted <= number.highest;
    return takes ? absl::OkStatus() : SysfsError("Writing", path, EINVAL);
  }
  if (IsSimulatedPolicy(folder) && CoresOn(root_, folder).empty()) {
    return SysfsError("Writing", path, EBUSY);
  }
  return CheckDomainWrite(folder, name, value);
}

absl::Status SimulatedClocks::Write(const std::string& path, const std::string& value) {
  const absl::MutexLock lock(&mutex_);
  if (absl::StatusOr<std::string> there = ReadSysfs(path); !there.ok()) return there.status();
  const auto [folder, name] = SplitPath(path);
  if (absl::Status taken = CheckWrite(folder, name, value); !taken.ok()) return taken;
  // Made outside of the tree, so that a process that is killed leaves nothing in it.
  const std::string made = folder_ + "/written";
  if (absl::Status written = ReplaceFile(made, value + "\n", Sync::kNo); !written.ok()) {
    return written;
  }
  if (rename(made.c_str(), path.c_str()) != 0) return FileError("Renaming to", path, errno);
  TellModel();
  return absl::OkStatus();
}

std::vector<std::string> SimulatedClocks::List(const std::string& folder) {
  return KernelFiles().List(folder);
}

absl::StatusOr<std::string> SimulatedClocks::Resolve(const std::string& path) {
  return KernelFiles().Resolve(path);
}

}  // namespace synergy
