#include "daemon/clocks/clock_control.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/clocks/clock_state.h"
#include "daemon/clocks/restore.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// Names of GPUs' devfreq devices: TX1 and later Jetsons under L4T (NVIDIA's jetson_clocks.sh),
// Adreno and Mali under mainline (their device-tree nodes).
constexpr const char* kGpuFolders[] = {"class/devfreq/*.gpu",   "class/devfreq/*.gp10b",
                                       "class/devfreq/*.gv11b", "class/devfreq/*.ga10b",
                                       "class/devfreq/*.mali",  "class/devfreq/*.qcom,kgsl-3d0"};

const std::string kGpu = "gpu";

std::vector<std::string> WhatIsLeft(const RestoreReport& report) {
  if (report.Clean() && !report.Has(RestoreOutcome::kForeign)) return {};
  return DescribeReport(report);
}

}  // namespace

ClockHold::~ClockHold() {
  for (const std::string& line : Release()) spdlog::warn("{}", line);
}

std::vector<std::string> ClockHold::Release() {
  if (frequencies_ == nullptr) return {};
  const RestoreReport report = frequencies_->Release();
  frequencies_.reset();  // the journal's lock, before anybody else may take it
  control_.Released();
  return WhatIsLeft(report);
}

ClockControl::ClockControl(ClockControlOptions options, AttributeFiles& files)
    : options_(std::move(options)), files_(files) {
  absl::StatusOr<std::string> root = files_.Resolve(options_.sysfs_root);
  if (root.ok()) options_.sysfs_root = *std::move(root);
  if (std::ranges::find(options_.devices, kGpu, &DeviceClockPaths::name) !=
      options_.devices.end()) {
    return;
  }
  for (const char* folder : kGpuFolders) {
    options_.devices.push_back({.name = kGpu, .devfreq = folder});
  }
}

absl::StatusOr<DeviceClock> ClockControl::Device(const std::string& name) {
  for (const DeviceClockPaths& paths : options_.devices) {
    if (paths.name != name) continue;
    absl::StatusOr<DeviceClock> clock = ReadDeviceClock(files_, options_.sysfs_root, paths);
    if (clock.ok() || !absl::IsNotFound(clock.status())) return clock;
  }
  return absl::NotFoundError(fmt::format("This kernel shows no clock of the {}", name));
}

absl::StatusOr<DeviceClock> ClockControl::Gpu() {
  absl::StatusOr<DeviceClock> clock = Device(kGpu);
  if (clock.ok() || !absl::IsNotFound(clock.status())) return clock;
  return absl::FailedPreconditionError(
      "This kernel shows no clock of a GPU (a *.gpu or the like in class/devfreq)");
}

v1::ClockState ClockControl::Describe() {
  v1::ClockState state;
  state.set_simulated(options_.simulated);
  const absl::StatusOr<CpuClocks> cpu = ReadCpuClocks(files_, options_.sysfs_root);
  if (cpu.ok()) {
    DescribeCpu(*cpu, state);
    if (cpu->policies.empty()) {
      state.add_notes("the CPU's clocks cannot be read or set: the kernel has no cpufreq driver");
    }
  } else {
    state.add_notes(std::string(cpu.status().message()));
  }
  if (const absl::StatusOr<DeviceClock> gpu = Gpu(); gpu.ok()) {
    DescribeDevice(*gpu, state);
  } else {
    state.add_notes(std::string(gpu.status().message()));
  }
  if (const absl::StatusOr<DeviceClock> memory = Device("memory"); memory.ok()) {
    DescribeDevice(*memory, state);
  } else if (!absl::IsNotFound(memory.status())) {
    state.add_notes(std::string(memory.status().message()));
  }
  if (!options_.cannot_set.empty()) state.add_notes(options_.cannot_set);
  const absl::MutexLock lock(&mutex_);
  if (held_.has_value()) *state.mutable_lease() = *held_;
  return state;
}

bool ClockControl::CanSet() {
  if (!options_.cannot_set.empty()) return false;
  const absl::StatusOr<CpuClocks> cpu = ReadCpuClocks(files_, options_.sysfs_root);
  return (cpu.ok() && !cpu->policies.empty()) || Gpu().ok();
}

absl::Status ClockControl::Check(const v1::ClockRequest& request) {
  if (!options_.cannot_set.empty()) return absl::FailedPreconditionError(options_.cannot_set);
  const CpuRequest cpu = CpuRequestOf(request);
  if (cpu.Empty() && !request.has_gpu()) {
    return absl::InvalidArgumentError(
        "clocks: name a frequency of the CPU or the GPU, a governor or the cores");
  }
  if (!cpu.Empty()) {
    const absl::StatusOr<CpuClocks> clocks = ReadCpuClocks(files_, options_.sysfs_root);
    if (!clocks.ok()) return clocks.status();
    absl::Status planned = PlanCoresOn(options_.sysfs_root, *clocks, cpu).status();
    if (!planned.ok()) return planned;
    planned = PlanCpuRequest(files_, options_.sysfs_root, *clocks, cpu).status();
    if (!planned.ok()) return planned;
  }
  if (!request.has_gpu()) return absl::OkStatus();
  const absl::StatusOr<DeviceClock> gpu = Gpu();
  if (!gpu.ok()) return gpu.status();
  return PlanDeviceRequest(*gpu, GpuRequestOf(request)).status();
}

LeaseOptions ClockControl::LeaseFor(const std::string& holder) const {
  return {.journal = Journal(),
          .holder = holder,
          .restore = {.boot_id = options_.boot_id, .sysfs_root = options_.sysfs_root}};
}

absl::StatusOr<std::vector<SettingResult>> ClockControl::Set(const v1::ClockRequest& request,
                                                             FrequencyLease& frequencies) {
  std::vector<SettingResult> results;
  const CpuRequest cpu = CpuRequestOf(request);
  if (!cpu.Empty()) {
    absl::StatusOr<std::vector<SettingResult>> set =
        SetCpuClocks(frequencies, files_, options_.sysfs_root, cpu);
    if (!set.ok()) return set.status();
    results = *std::move(set);
  }
  if (!request.has_gpu()) return results;
  const absl::StatusOr<DeviceClock> gpu = Gpu();
  if (!gpu.ok()) return gpu.status();
  const absl::StatusOr<std::vector<Setting>> plan = PlanDeviceRequest(*gpu, GpuRequestOf(request));
  if (!plan.ok()) return plan.status();
  absl::StatusOr<std::vector<SettingResult>> set = frequencies.Apply(*plan);
  if (!set.ok()) return set.status();
  results.insert(results.end(), std::make_move_iterator(set->begin()),
                 std::make_move_iterator(set->end()));
  return results;
}

v1::ClockLease ClockControl::Describe(const v1::ClockRequest& request, const std::string& holder,
                                      const std::vector<SettingResult>& results) const {
  v1::ClockLease lease;
  lease.set_holder(holder);
  *lease.mutable_asked() = request;
  lease.set_simulated(options_.simulated);
  const std::string below = options_.sysfs_root + "/";
  for (const SettingResult& result : results) {
    v1::ClockSetting& setting = *lease.add_settings();
    setting.set_control(result.path.starts_with(below) ? result.path.substr(below.size())
                                                       : result.path);
    setting.set_original(result.original);
    setting.set_asked(result.asked);
    setting.set_obtained(result.obtained);
  }
  return lease;
}

absl::StatusOr<std::unique_ptr<ClockHold>> ClockControl::Take(const v1::ClockRequest& request,
                                                              const std::string& holder) {
  if (absl::Status possible = Check(request); !possible.ok()) return possible;
  {
    const absl::MutexLock lock(&mutex_);
    if (held_.has_value()) {
      return absl::FailedPreconditionError(fmt::format(
          "The clocks are held by {}: wait until that ends, or end it", held_->holder()));
    }
    held_.emplace();
    held_->set_holder(holder);
    *held_->mutable_asked() = request;
  }
  const LeaseOptions options = LeaseFor(holder);
  for (const std::string& line : WhatIsLeft(Restore(Journal(), options.restore, files_))) {
    spdlog::warn("{}", line);
  }
  absl::StatusOr<std::unique_ptr<FrequencyLease>> frequencies =
      FrequencyLease::Take(options, files_);
  if (!frequencies.ok()) {
    Released();
    return frequencies.status();
  }
  const absl::StatusOr<std::vector<SettingResult>> results = Set(request, **frequencies);
  if (!results.ok()) {
    frequencies->reset();  // puts back, before anybody else may take it
    Released();
    return results.status();
  }
  std::unique_ptr<ClockHold> hold(new ClockHold(*this, *std::move(frequencies)));
  hold->lease_ = Describe(request, holder, *results);
  const absl::MutexLock lock(&mutex_);
  held_ = hold->lease_;
  return hold;
}

void ClockControl::Released() {
  const absl::MutexLock lock(&mutex_);
  held_.reset();
}

}  // namespace synergy
