#include "daemon/clocks/simulated_clocks.h"

#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/files.h"
#include "common/sysfs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

constexpr char kCpuFolder[] = "/devices/system/cpu";
constexpr char kPolicyFolder[] = "/devices/system/cpu/cpufreq/policy0";
constexpr char kGpuFolder[] = "/class/devfreq/57000000.gpu";
constexpr char kZoneFolder[] = "/class/thermal/thermal_zone0";
constexpr char kCoolingFolder[] = "/class/thermal/cooling_device0";
constexpr char kThrottleFolder[] = "/devices/system/cpu/cpu0/thermal_throttle";
// A TX1's memory runs at 40.8 to 1600 MHz (its device tree, emc-table).
constexpr char kMemoryFolder[] = "/kernel/debug/clock/override.emc";
constexpr int64_t kMemoryLowestHz = 40'800'000, kMemoryHighestHz = 1'600'000'000;
constexpr char kFanFolder[] = "/devices/pwm-fan";
// Under L4T.
constexpr char kCpuGovernors[] =
    "interactive conservative ondemand userspace powersave performance";
constexpr char kGpuGovernors[] = "nvhost_podgov userspace powersave performance";

struct Split {
  std::string folder, name;
};
Split SplitPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string Text(const std::string& path) { return ReadSysfs(path).value_or(""); }
int64_t Number(const std::string& path) { return ParseSysfsInteger(Text(path), path).value_or(0); }

std::vector<int64_t> TableOf(const std::string& folder, bool cpu) {
  std::vector<int64_t> table;
  const std::string name = cpu ? "/scaling_available_frequencies" : "/available_frequencies";
  for (const std::string& word : ReadWords(KernelFiles(), folder + name)) {
    table.push_back(ParseSysfsInteger(word, folder).value_or(0));
  }
  std::ranges::sort(table);
  return table;
}

int64_t RoundUp(const std::vector<int64_t>& table, int64_t wanted) {
  const auto found = std::ranges::lower_bound(table, wanted);
  return found == table.end() ? table.back() : *found;
}
int64_t RoundDown(const std::vector<int64_t>& table, int64_t wanted) {
  const auto above = std::ranges::upper_bound(table, wanted);
  return above == table.begin() ? table.front() : *(above - 1);
}

// A policy or a devfreq device, as its folder's files remember it.
struct Domain {
  bool cpu = false;
  std::vector<int64_t> table = {};
  std::string governor = {};
  int64_t min = 0, max = 0;
  std::optional<int64_t> setspeed = {};

  int64_t Current() const {
    if (governor == "performance") return max;
    if (setspeed.has_value()) return std::clamp(*setspeed, min, max);
    return min;  // nothing of it is at work
  }
};

Domain ReadDomain(const std::string& folder) {
  Domain domain;
  domain.cpu = folder.ends_with(kPolicyFolder);
  domain.table = TableOf(folder, domain.cpu);
  if (domain.table.empty()) return domain;
  domain.governor = Text(folder + (domain.cpu ? "/scaling_governor" : "/governor"));
  domain.max =
      RoundDown(domain.table, Number(folder + (domain.cpu ? "/scaling_max_freq" : "/max_freq")));
  const int64_t min = Number(folder + (domain.cpu ? "/scaling_min_freq" : "/min_freq"));
  domain.min = std::min(RoundUp(domain.table, min), domain.max);
  if (domain.cpu && domain.governor == "userspace") {
    domain.setspeed = RoundUp(domain.table, Number(folder + "/scaling_setspeed"));
  }
  return domain;
}

// What a domain makes up when it is read; nothing: the file's own text.
std::optional<std::string> Made(const std::string& folder, const std::string& name) {
  const Domain domain = ReadDomain(folder);
  if (domain.table.empty()) return std::nullopt;
  if (name == "scaling_min_freq" || name == "min_freq") return fmt::format("{}", domain.min);
  if (name == "scaling_max_freq" || name == "max_freq") return fmt::format("{}", domain.max);
  if (name == "scaling_cur_freq" || name == "cur_freq") return fmt::format("{}", domain.Current());
  if (name == "scaling_setspeed") {
    return domain.setspeed.has_value() ? fmt::format("{}", *domain.setspeed) : "<unsupported>";
  }
  return std::nullopt;
}

bool IsDomain(const std::string& folder) {
  return folder.ends_with(kPolicyFolder) || folder.ends_with(kGpuFolder);
}

std::vector<int> CoresOn(const std::string& root) {
  std::vector<int> on;
  for (int core = 0;; ++core) {
    const absl::StatusOr<std::string> text =
        ReadSysfs(fmt::format("{}{}/cpu{}/online", root, kCpuFolder, core));
    if (!text.ok()) return on;
    if (*text != "0") on.push_back(core);
  }
}

// A number that a file of the memory's override or of the fan takes; nothing: there is no such
// file.
std::optional<bool> TakesNumber(const Split& path, const std::string& value) {
  const absl::StatusOr<int64_t> number = ParseSysfsInteger(value, path.name);
  const auto inside = [&](int64_t low, int64_t high) {
    return number.ok() && low <= *number && *number <= high;
  };
  if (path.folder.ends_with(kMemoryFolder)) {
    if (path.name == "rate") return inside(kMemoryLowestHz, kMemoryHighestHz);
    if (path.name == "state") return inside(0, 1);
  }
  if (path.folder.ends_with(kFanFolder) && path.name == "target_pwm") return inside(0, INT32_MAX);
  return std::nullopt;
}

absl::Status CheckWrite(const std::string& root, const Split& path, const std::string& value) {
  const auto invalid = [&] { return SysfsError("Writing", path.folder + "/" + path.name, EINVAL); };
  if (path.name == "online") {
    if (value != "0" && value != "1") return invalid();
    const std::vector<int> on = CoresOn(root);
    const bool last = on.size() == 1 && path.folder.ends_with(fmt::format("/cpu{}", on.front()));
    return value == "0" && last ? SysfsError("Writing", path.folder + "/online", EBUSY)
                                : absl::OkStatus();
  }
  if (const std::optional<bool> takes = TakesNumber(path, value); takes.has_value()) {
    return *takes ? absl::OkStatus() : invalid();
  }
  if (!IsDomain(path.folder)) return SysfsError("Writing", path.folder + "/" + path.name, EACCES);
  if (path.name == "scaling_governor" || path.name == "governor") {
    const std::string list =
        path.folder +
        (path.name == "governor" ? "/available_governors" : "/scaling_available_governors");
    const std::vector<std::string> governors = ReadWords(KernelFiles(), list);
    return std::ranges::find(governors, value) == governors.end() ? invalid() : absl::OkStatus();
  }
  for (const std::string_view limit :
       {"scaling_min_freq", "scaling_max_freq", "min_freq", "max_freq", "scaling_setspeed"}) {
    if (path.name != limit) continue;
    const absl::StatusOr<int64_t> number = ParseSysfsInteger(value, path.name);
    const bool fits = limit != "scaling_setspeed" || ReadDomain(path.folder).setspeed.has_value();
    return number.ok() && *number >= 0 && fits ? absl::OkStatus() : invalid();
  }
  return SysfsError("Writing", path.folder + "/" + path.name, EACCES);
}

absl::Status MakeFile(const std::string& path, const std::string& text) {
  if (absl::Status made = MakeFolder(SplitPath(path).folder, 0700); !made.ok()) return made;
  return ReplaceFile(path, text + "\n", Sync::kNo);
}

// Falling, as drivers show it.
std::string TableText(std::vector<int64_t> table) {
  std::ranges::reverse(table);
  return fmt::format("{}", fmt::join(table, " "));
}

absl::Status MakeTree(const std::string& root, const SimulatedClockSpec& spec) {
  const std::string policy = root + kPolicyFolder, gpu = root + kGpuFolder;
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<int> cores;
  for (int core = 0; core < spec.cores; ++core) {
    cores.push_back(core);
    files.emplace_back(fmt::format("{}{}/cpu{}/online", root, kCpuFolder, core), "1");
  }
  const auto add = [&](const std::string& path, std::string text) {
    files.emplace_back(path, std::move(text));
  };
  add(policy + "/related_cpus", fmt::format("{}", fmt::join(cores, " ")));
  add(policy + "/affected_cpus", fmt::format("{}", fmt::join(cores, " ")));
  add(policy + "/scaling_driver", "simulated");
  add(policy + "/scaling_available_governors", kCpuGovernors);
  add(policy + "/scaling_governor", "interactive");
  add(policy + "/scaling_available_frequencies", TableText(spec.cpu_khz));
  add(policy + "/cpuinfo_min_freq", fmt::format("{}", spec.cpu_khz.front()));
  add(policy + "/cpuinfo_max_freq", fmt::format("{}", spec.cpu_khz.back()));
  add(policy + "/scaling_min_freq", fmt::format("{}", spec.cpu_khz.front()));
  add(policy + "/scaling_max_freq", fmt::format("{}", spec.cpu_khz.back()));
  add(policy + "/scaling_cur_freq", "");
  add(policy + "/scaling_setspeed", "");
  if (!spec.gpu_hz.empty()) {
    add(gpu + "/governor", "nvhost_podgov");
    add(gpu + "/available_governors", kGpuGovernors);
    add(gpu + "/available_frequencies", TableText(spec.gpu_hz));
    add(gpu + "/min_freq", fmt::format("{}", spec.gpu_hz.front()));
    add(gpu + "/max_freq", fmt::format("{}", spec.gpu_hz.back()));
    add(gpu + "/cur_freq", "");
  }
  if (!spec.thermal_zone.empty()) {
    add(root + kZoneFolder + "/type", spec.thermal_zone);
    add(root + kZoneFolder + "/temp", "0");
  }
  if (spec.throttle_counter) {
    add(root + kThrottleFolder + "/core_throttle_count", "0");
  } else {
    add(root + kCoolingFolder + "/type", "thermal-cpufreq-0");
    add(root + kCoolingFolder + "/max_state", fmt::format("{}", spec.cpu_khz.size() - 1));
    add(root + kCoolingFolder + "/cur_state", "0");
  }
  if (spec.memory) {
    const std::string memory = root + kMemoryFolder;
    add(memory + "/rate", fmt::format("{}", kMemoryHighestHz));
    add(memory + "/state", "0");
    add(memory + "/min", fmt::format("{}", kMemoryLowestHz));
    add(memory + "/max", fmt::format("{}", kMemoryHighestHz));
  }
  if (spec.fan_full > 0) add(root + kFanFolder + "/target_pwm", "0");
  for (const auto& [path, text] : files) {
    if (absl::Status made = MakeFile(path, text); !made.ok()) return made;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<DeviceClockPaths> SimulatedDevices(const SimulatedClockSpec& spec) {
  std::vector<DeviceClockPaths> devices;
  devices.push_back({.name = "gpu", .devfreq = std::string(kGpuFolder).substr(1)});
  if (!spec.memory) return devices;
  const std::string memory = std::string(kMemoryFolder).substr(1);
  devices.push_back({.name = "memory",
                     .rate = memory + "/rate",
                     .state = memory + "/state",
                     .lowest = memory + "/min",
                     .highest = memory + "/max"});
  return devices;
}

std::optional<FanPaths> SimulatedFan(const SimulatedClockSpec& spec) {
  if (spec.fan_full == 0) return std::nullopt;
  return FanPaths{.targets = {std::string(kFanFolder).substr(1) + "/target_pwm"},
                  .full = spec.fan_full};
}

std::string SimulatedSysfsRoot(const std::string& folder) { return folder + "/sys"; }

absl::Status MakeSimulatedClocks(const std::string& folder, const SimulatedClockSpec& spec,
                                 const std::string& boot_id) {
  // Written last: a tree without it was not finished.
  const std::string boot_file = folder + "/boot_id";
  // Another board has other clocks.
  const std::string made_for =
      fmt::format("{} {} {} {} {} {}", boot_id, spec.cores, fmt::join(spec.cpu_khz, ","),
                  fmt::join(spec.gpu_hz, ","), spec.thermal_zone, spec.throttle_counter);
  if (Text(boot_file) == made_for) return absl::OkStatus();
  const std::string root = SimulatedSysfsRoot(folder);
  std::error_code error;
  fs::remove(boot_file, error);
  fs::remove_all(root, error);
  if (error) return FileError("Removing", root, error.value());
  if (absl::Status made = MakeTree(root, spec); !made.ok()) return made;
  return MakeFile(boot_file, made_for);
}

std::optional<std::string> SimulatedClocks::Heated(const std::string& path,
                                                   const std::string& own) {
  const auto [folder, name] = SplitPath(path);
  if (folder.ends_with(kZoneFolder) && name == "temp" && heat_.celsius) {
    return fmt::format("{:.0f}", heat_.celsius() * 1000);
  }
  if (!heat_.throttled_khz) return std::nullopt;
  const bool counter = folder.ends_with(kThrottleFolder);
  const bool state = folder.ends_with(kCoolingFolder) && name == "cur_state";
  const bool present = folder.ends_with(kPolicyFolder) && name == "scaling_cur_freq";
  if (!counter && !state && !present) return std::nullopt;
  const std::optional<int64_t> held = heat_.throttled_khz();
  if (counter) return fmt::format("{}", held ? ++throttle_count_ : throttle_count_);
  if (!held) return std::nullopt;
  if (present) {
    return fmt::format("{}", std::min(*held, ParseSysfsInteger(own, path).value_or(*held)));
  }
  // A step of the cooling device takes one frequency away.
  const std::vector<int64_t> table = TableOf(SimulatedSysfsRoot(folder_) + kPolicyFolder, true);
  return fmt::format("{}", std::ranges::count_if(table, [&](int64_t khz) { return khz > *held; }));
}

absl::StatusOr<std::string> SimulatedClocks::Read(const std::string& path) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<std::string> own = ReadSysfs(path);
  if (!own.ok()) return own;
  if (std::optional<std::string> made = Made(SplitPath(path).folder, SplitPath(path).name);
      made.has_value()) {
    own = *std::move(made);
  }
  if (std::optional<std::string> heated = Heated(path, *own); heated.has_value()) return *heated;
  const auto [folder, name] = SplitPath(path);
  if (!IsDomain(folder)) return own;
  if (name == "affected_cpus") {
    return fmt::format("{}", fmt::join(CoresOn(SimulatedSysfsRoot(folder_)), " "));
  }
  return own;
}

absl::Status SimulatedClocks::Write(const std::string& path, const std::string& value) {
  const absl::MutexLock lock(&mutex_);
  if (absl::StatusOr<std::string> there = ReadSysfs(path); !there.ok()) return there.status();
  const absl::Status taken = CheckWrite(SimulatedSysfsRoot(folder_), SplitPath(path), value);
  if (!taken.ok()) return taken;
  // Made outside of the tree, so that a process that is killed leaves nothing in it.
  const std::string made = folder_ + "/written";
  if (absl::Status written = ReplaceFile(made, value + "\n", Sync::kNo); !written.ok()) {
    return written;
  }
  if (rename(made.c_str(), path.c_str()) != 0) return FileError("Renaming to", path, errno);
  return absl::OkStatus();
}

std::vector<std::string> SimulatedClocks::List(const std::string& folder) {
  return KernelFiles().List(folder);
}

absl::StatusOr<std::string> SimulatedClocks::Resolve(const std::string& path) {
  return KernelFiles().Resolve(path);
}

}  // namespace synergy
