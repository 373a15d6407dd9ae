#include "daemon/clocks/simulated_clock_tree.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include "common/files.h"
#include "common/sysfs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

using Files = std::vector<std::pair<std::string, std::string>>;  // below the root, and its text

// "hwmon*" is made as hwmon0.
std::string WithoutStar(std::string path) {
  std::ranges::replace(path, '*', '0');
  return path;
}

bool IsMade(const DeviceClockPaths& device, const SimulatedClockSpec& spec) {
  return device.devfreq.empty() ? spec.memory_highest_hz > 0 : !spec.gpu_hz.empty();
}

// Falling, as drivers show it.
std::string TableText(std::vector<int64_t> table) {
  std::ranges::reverse(table);
  return fmt::format("{}", fmt::join(table, " "));
}

void AddPolicy(const SimulatedClockSpec& spec, const SimulatedClockSpec::Policy& policy, int first,
               Files& files) {
  std::vector<int> cores;
  for (int core = first; core < first + policy.cores; ++core) {
    cores.push_back(core);
    files.emplace_back(fmt::format("{}/cpu{}/online", kSimulatedCpus, core), "1");
  }
  const std::string folder = fmt::format("{}/cpufreq/policy{}/", kSimulatedCpus, first);
  const std::string lowest = fmt::format("{}", policy.khz.front());
  const std::string highest = fmt::format("{}", policy.khz.back());
  for (const auto& [name, text] :
       Files{{"related_cpus", fmt::format("{}", fmt::join(cores, " "))},
             {"affected_cpus", ""},
             {"scaling_driver", "simulated"},
             {"scaling_available_governors", fmt::format("{}", fmt::join(spec.cpu_governors, " "))},
             {"scaling_governor", spec.cpu_governors.front()},
             {"scaling_available_frequencies", TableText(policy.khz)},
             {"cpuinfo_min_freq", lowest},
             {"cpuinfo_max_freq", highest},
             {"scaling_min_freq", lowest},
             {"scaling_max_freq", highest},
             {"scaling_cur_freq", ""},
             {"scaling_setspeed", ""}}) {
    files.emplace_back(folder + name, text);
  }
}

void AddDevice(const SimulatedClockSpec& spec, const DeviceClockPaths& device, Files& files) {
  if (device.devfreq.empty()) {
    files.emplace_back("/" + device.rate, fmt::format("{}", spec.memory_highest_hz));
    files.emplace_back("/" + device.state, "0");
    files.emplace_back("/" + device.lowest, fmt::format("{}", spec.memory_lowest_hz));
    files.emplace_back("/" + device.highest, fmt::format("{}", spec.memory_highest_hz));
    return;
  }
  for (const auto& [name, text] :
       Files{{"governor", spec.gpu_governors.front()},
             {"available_governors", fmt::format("{}", fmt::join(spec.gpu_governors, " "))},
             {"available_frequencies", TableText(spec.gpu_hz)},
             {"min_freq", fmt::format("{}", spec.gpu_hz.front())},
             {"max_freq", fmt::format("{}", spec.gpu_hz.back())},
             {"cur_freq", ""}}) {
    files.emplace_back(fmt::format("/{}/{}", device.devfreq, name), text);
  }
}

void AddHeat(const SimulatedClockSpec& spec, Files& files) {
  if (!spec.thermal_zone.empty()) {
    files.emplace_back(fmt::format("{}/type", kSimulatedZone), spec.thermal_zone);
    files.emplace_back(fmt::format("{}/temp", kSimulatedZone), "0");
  }
  if (spec.throttle_counter) {
    files.emplace_back(fmt::format("{}/core_throttle_count", kSimulatedThrottles), "0");
    return;
  }
  // The drivers' names (drivers/thermal/cpufreq_cooling.c).
  files.emplace_back(fmt::format("{}/type", kSimulatedCooling), "thermal-cpufreq-0");
  files.emplace_back(fmt::format("{}/max_state", kSimulatedCooling),
                     fmt::format("{}", spec.policies.front().khz.size() - 1));
  files.emplace_back(fmt::format("{}/cur_state", kSimulatedCooling), "0");
}

Files FilesOf(const SimulatedClockSpec& spec) {
  Files files;
  int first = 0;
  for (const SimulatedClockSpec::Policy& policy : spec.policies) {
    AddPolicy(spec, policy, first, files);
    first += policy.cores;
  }
  for (const DeviceClockPaths& device : SimulatedDevices(spec)) AddDevice(spec, device, files);
  AddHeat(spec, files);
  if (const std::optional<FanPaths> fan = SimulatedFan(spec); fan.has_value()) {
    files.emplace_back("/" + fan->targets.front(), "0");
  }
  return files;
}

std::string NumbersText(const SimulatedClockSpec& spec) {
  std::string text;
  for (const DeviceClockPaths& device : SimulatedDevices(spec)) {
    if (!device.devfreq.empty()) continue;
    text += fmt::format("/{} {} {}\n/{} 0 1\n", device.rate, spec.memory_lowest_hz,
                        spec.memory_highest_hz, device.state);
  }
  if (const std::optional<FanPaths> fan = SimulatedFan(spec); fan.has_value()) {
    text += fmt::format("/{} 0 {}\n", fan->targets.front(), fan->full);
  }
  return text;
}

absl::Status MakeFile(const std::string& path, const std::string& text) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (absl::Status made = MakeFolder(folder, 0700); !made.ok()) return made;
  return ReplaceFile(path, text + "\n", Sync::kNo);
}

std::string NumbersFile(const std::string& folder) { return folder + "/numbers"; }

}  // namespace

std::vector<DeviceClockPaths> SimulatedDevices(const SimulatedClockSpec& spec) {
  std::vector<DeviceClockPaths> devices;
  for (DeviceClockPaths device : spec.devices) {
    const bool another =
        std::ranges::find(devices, device.name, &DeviceClockPaths::name) != devices.end();
    if (another || !IsMade(device, spec)) continue;
    device.rate_read.clear();  // the rate that is set is the one that it has
    for (std::string* path : {&device.devfreq, &device.rate, &device.state}) {
      *path = WithoutStar(*path);
    }
    devices.push_back(std::move(device));
  }
  return devices;
}

std::optional<FanPaths> SimulatedFan(const SimulatedClockSpec& spec) {
  if (!spec.fan.has_value()) return std::nullopt;
  return FanPaths{.targets = {WithoutStar(spec.fan->targets.front())}, .full = spec.fan->full};
}

std::string SimulatedSysfsRoot(const std::string& folder) { return folder + "/sys"; }

absl::Status MakeSimulatedClocks(const std::string& folder, const SimulatedClockSpec& spec,
                                 const std::string& boot_id) {
  // Written last: a tree without it was not finished. Another board has other files.
  const std::string boot_file = folder + "/boot_id";
  const Files files = FilesOf(spec);
  std::string made_for = boot_id + "\n";
  for (const auto& [path, text] : files) made_for += fmt::format("{} {}\n", path, text);
  made_for += NumbersText(spec);
  if (ReadFile(boot_file, 1 << 20).value_or("") == made_for + "\n") return absl::OkStatus();
  const std::string root = SimulatedSysfsRoot(folder);
  std::error_code error;
  fs::remove(boot_file, error);
  fs::remove_all(root, error);
  if (error) return FileError("Removing", root, error.value());
  for (const auto& [path, text] : files) {
    if (absl::Status made = MakeFile(root + path, text); !made.ok()) return made;
  }
  if (absl::Status made = MakeFile(NumbersFile(folder), NumbersText(spec)); !made.ok()) return made;
  return MakeFile(boot_file, made_for);
}

std::vector<SimulatedNumber> ReadSimulatedNumbers(const std::string& folder) {
  std::istringstream text(ReadFile(NumbersFile(folder), 1 << 20).value_or(""));
  text.imbue(std::locale::classic());
  std::vector<SimulatedNumber> numbers;
  for (SimulatedNumber number; text >> number.path >> number.lowest >> number.highest;) {
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace synergy
