#include "daemon/clocks/settable_clocks.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "daemon/clocks/boost.h"
#include "daemon/clocks/clock_state.h"
#include "daemon/clocks/cpu_clocks.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// Names of GPUs' devfreq devices: TX1 and later Jetsons under L4T (NVIDIA's jetson_clocks.sh),
// Adreno and Mali under mainline (their device-tree nodes).
constexpr const char* kGpuFolders[] = {"class/devfreq/*.gpu",   "class/devfreq/*.gp10b",
                                       "class/devfreq/*.gv11b", "class/devfreq/*.ga10b",
                                       "class/devfreq/*.mali",  "class/devfreq/*.qcom,kgsl-3d0"};

const std::string kGpu = "gpu";
const std::string kMemory = "memory";

template <typename T>
void Append(std::vector<T> more, std::vector<T>& all) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

SettableClocks::SettableClocks(ClockPlaces places, AttributeFiles& files)
    : places_(std::move(places)), files_(files) {
  absl::StatusOr<std::string> root = files_.Resolve(places_.sysfs_root);
  if (root.ok()) places_.sysfs_root = *std::move(root);
  if (std::ranges::find(places_.devices, kGpu, &DeviceClockPaths::name) != places_.devices.end()) {
    return;
  }
  for (const char* folder : kGpuFolders) {
    places_.devices.push_back({.name = kGpu, .devfreq = folder});
  }
}

absl::StatusOr<DeviceClock> SettableClocks::Device(const std::string& name) const {
  for (const DeviceClockPaths& paths : places_.devices) {
    if (paths.name != name) continue;
    absl::StatusOr<DeviceClock> clock = ReadDeviceClock(files_, places_.sysfs_root, paths);
    if (clock.ok() || !absl::IsNotFound(clock.status())) return clock;
  }
  if (name == kGpu) {
    return absl::FailedPreconditionError(
        "This kernel shows no clock of a GPU (a *.gpu or the like in class/devfreq)");
  }
  return absl::FailedPreconditionError(fmt::format(
      "This kernel shows no clock of the {} where the board's profile looks for it", name));
}

absl::StatusOr<Fan> SettableClocks::FindFan() const {
  if (!places_.fan.has_value()) {
    return absl::FailedPreconditionError(
        "This board has no fan that can be set: its profile names none");
  }
  absl::StatusOr<Fan> fan = ReadFan(files_, places_.sysfs_root, *places_.fan);
  if (fan.ok() || !absl::IsNotFound(fan.status())) return fan;
  return absl::FailedPreconditionError(fmt::format("This kernel shows no fan that can be set: {}",
                                                   std::string(fan.status().message())));
}

void SettableClocks::Describe(v1::ClockState& state) const {
  const absl::StatusOr<CpuClocks> cpu = ReadCpuClocks(files_, places_.sysfs_root);
  if (cpu.ok()) {
    DescribeCpu(*cpu, state);
    const std::optional<BoostSwitch> boost = FindBoost(files_, places_.sysfs_root, *cpu);
    if (boost.has_value()) state.set_boost(boost->on);
    if (cpu->policies.empty()) {
      state.add_notes("the CPU's clocks cannot be read or set: the kernel has no cpufreq driver");
    }
  } else {
    state.add_notes(std::string(cpu.status().message()));
  }
  for (const std::string& name : {kGpu, kMemory}) {
    const absl::StatusOr<DeviceClock> device = Device(name);
    if (device.ok()) {
      DescribeDevice(*device, state);
    } else if (name == kGpu || !absl::IsFailedPrecondition(device.status())) {
      state.add_notes(std::string(device.status().message()));
    }
  }
  const absl::StatusOr<Fan> fan = FindFan();
  if (fan.ok()) {
    state.set_fan_percent(fan->percent);
  } else if (!absl::IsFailedPrecondition(fan.status())) {
    state.add_notes(std::string(fan.status().message()));
  }
}

bool SettableClocks::Any() const {
  const absl::StatusOr<CpuClocks> cpu = ReadCpuClocks(files_, places_.sysfs_root);
  return (cpu.ok() && !cpu->policies.empty()) || Device(kGpu).ok() || Device(kMemory).ok() ||
         FindFan().ok();
}

std::vector<WatchedClock> SettableClocks::Watched() const {
  std::vector<WatchedClock> watched;
  for (const std::string& name : {kGpu, kMemory}) {
    const absl::StatusOr<DeviceClock> device = Device(name);
    if (!device.ok()) continue;
    const DeviceClockPaths& paths = device->paths;
    if (device->IsDevfreq()) {
      const std::string devfreq = std::filesystem::path(paths.devfreq).filename();
      watched.push_back({.name = devfreq, .path = paths.devfreq + "/cur_freq"});
      continue;
    }
    watched.push_back({.name = name,
                       .path = paths.rate_read.empty() ? paths.rate : paths.rate_read,
                       .control = paths.rate.substr(places_.sysfs_root.size() + 1)});
  }
  return watched;
}

absl::StatusOr<std::vector<Setting>> SettableClocks::PlanDevices(
    const v1::ClockRequest& request) const {
  std::vector<Setting> plan;
  const std::pair<const std::string*, const v1::ClockSpeed*> devices[] = {
      {&kGpu, request.has_gpu() ? &request.gpu() : nullptr},
      {&kMemory, request.has_memory() ? &request.memory() : nullptr}};
  for (const auto& [name, speed] : devices) {
    if (speed == nullptr) continue;
    const absl::StatusOr<DeviceClock> device = Device(*name);
    if (!device.ok()) return device.status();
    absl::StatusOr<std::vector<Setting>> of = PlanDeviceRequest(*device, DeviceRequestOf(*speed));
    if (!of.ok()) return of.status();
    Append(*std::move(of), plan);
  }
  if (!request.has_fan_percent()) return plan;
  const absl::StatusOr<Fan> fan = FindFan();
  if (!fan.ok()) return fan.status();
  Append(PlanFan(files_, *fan, request.fan_percent()), plan);
  return plan;
}

absl::Status SettableClocks::Check(const v1::ClockRequest& request) const {
  const CpuRequest cpu = CpuRequestOf(request);
  if (!cpu.Empty()) {
    const absl::StatusOr<CpuClocks> clocks = ReadCpuClocks(files_, places_.sysfs_root);
    if (!clocks.ok()) return clocks.status();
    const absl::Status possible = CheckCpuRequest(files_, places_.sysfs_root, *clocks, cpu);
    if (!possible.ok()) return possible;
  }
  return PlanDevices(request).status();
}

absl::StatusOr<std::vector<SettingResult>> SettableClocks::Set(const v1::ClockRequest& request,
                                                               FrequencyLease& lease) const {
  std::vector<SettingResult> results;
  const CpuRequest cpu = CpuRequestOf(request);
  if (!cpu.Empty()) {
    absl::StatusOr<std::vector<SettingResult>> set =
        SetCpuClocks(lease, files_, places_.sysfs_root, cpu);
    if (!set.ok()) return set.status();
    results = *std::move(set);
  }
  const absl::StatusOr<std::vector<Setting>> plan = PlanDevices(request);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<std::vector<SettingResult>> set = lease.Apply(*plan);
  if (!set.ok()) return set.status();
  Append(*std::move(set), results);
  return results;
}

std::vector<std::string> SettableClocks::Notes(const v1::ClockRequest& request) const {
  const absl::StatusOr<CpuClocks> clocks = ReadCpuClocks(files_, places_.sysfs_root);
  if (!clocks.ok()) return {};
  return CpuRequestNotes(files_, places_.sysfs_root, *clocks, CpuRequestOf(request));
}

absl::StatusOr<Setting> SettableClocks::Unchanged() const {
  std::vector<std::string> paths;
  const absl::StatusOr<CpuClocks> cpu = ReadCpuClocks(files_, places_.sysfs_root);
  for (size_t i = 0; cpu.ok() && i < cpu->policies.size(); ++i) {
    if (!cpu->policies[i].active) continue;
    paths.push_back(cpu->policies[i].folder + "/scaling_governor");
    paths.push_back(cpu->policies[i].folder + "/scaling_min_freq");
  }
  if (const auto gpu = Device(kGpu); gpu.ok() && gpu->IsDevfreq()) {
    paths.push_back(gpu->paths.devfreq + "/governor");
  }
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> value = files_.Read(path);
    if (value.ok() && !value->empty()) return Setting{.path = path, .value = *std::move(value)};
  }
  return absl::FailedPreconditionError(
      "this kernel shows no clock that could be set: it has neither cpufreq nor a GPU's devfreq");
}

}  // namespace synergy
