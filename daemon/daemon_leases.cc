// What the daemon changes on the board and puts back: clocks and the sensors' settings. The rest of
// it is in daemon.cc.
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "daemon/board_clocks.h"
#include "daemon/clocks/simulated_clocks.h"
#include "daemon/daemon.h"
#include "daemon/lease_restorer.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

std::optional<FanPaths> FanPathsOf(const Board& board) {
  if (!board.fan.has_value()) return std::nullopt;
  return FanPaths{.targets = board.fan->target, .full = board.fan->full};
}

// What the profile of the board that is simulated says.
SimulatedClockSpec SimulatedSpec(const Board& board) {
  const ClockTables& tables = board.clock_tables;
  SimulatedClockSpec spec{.cpu_governors = tables.cpu_governors,
                          .devices = DeviceClockPlaces(board.device_clocks),
                          .fan = FanPathsOf(board),
                          .gpu_hz = tables.gpu_hz,
                          .gpu_governors = tables.gpu_governors,
                          .memory_lowest_hz = tables.memory_lowest_hz,
                          .memory_highest_hz = tables.memory_highest_hz,
                          .thermal_zone = tables.thermal_zone,
                          .throttle_counter = tables.throttle_counter};
  for (const SimulatedPolicy& policy : tables.policies) {
    spec.policies.push_back({.cores = static_cast<int>(policy.cores), .khz = policy.khz});
  }
  return spec;
}

SimulatedClockModel ModelOf(BoardSimulation& simulation) {
  return {.set_speeds = [&](const auto& policies) { simulation.SetCpuSpeeds(policies); },
          .cpu_khz = [&](size_t policy) { return simulation.CpuKhz(policy); },
          .celsius = [&] { return simulation.temperature_c(); },
          .throttled_khz = [&] { return simulation.throttled_khz(); }};
}

}  // namespace

// Before anything else: whatever follows may fail, and the board must not stay as a daemon that was
// killed has left it.
void Daemon::RestoreLeftLeases() const {
  const RestoredLeases restored = RestoreLeases(state_.path(), options_.sysfs_root, KernelFiles());
  for (const std::string& line : restored.lines) {
    spdlog::log(restored.clean ? spdlog::level::info : spdlog::level::warn, "{}", line);
  }
  if (!restored.clean) {
    spdlog::warn(
        "clocks or settings are not what they were: the next lease tries again; by hand: stop this "
        "synergyd, `{}`, start it again",
        RestoreByHand(state_.path(), options_.sysfs_root));
  }
}

// Held as long as the sensors are read: the settings of their chips come back with it.
absl::Status Daemon::TakeSensorSettings() {
  if (options_.board.starts_with(kSimulatedPrefix)) return absl::OkStatus();
  const absl::StatusOr<RestoreOptions> restore =
      RestoreOptionsOf(state_.path(), options_.sysfs_root, KernelFiles());
  if (!restore.ok()) return restore.status();
  LeaseOptions lease;
  lease.journal = LeaseFolder(state_.path()) + "/sensors.journal";
  lease.holder = "synergyd's sensors";
  lease.restore = *restore;
  auto settings = FrequencyLease::Take(std::move(lease), KernelFiles());
  if (!settings.ok()) return settings.status();
  sensor_settings_ = *std::move(settings);
  return absl::OkStatus();
}

void Daemon::ReleaseSensorSettings() {
  if (sensor_settings_ == nullptr) return;
  const RestoreReport report = sensor_settings_->Release();
  for (const std::string& line : DescribeReport(report)) {
    spdlog::log(report.Clean() ? spdlog::level::info : spdlog::level::warn, "sensors: {}", line);
  }
}

absl::Status Daemon::OpenClocks() {
  const absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) return boot_id.status();
  ClockControlOptions options;
  options.boot_id = *boot_id;
  options.restore_by_hand = RestoreByHand(state_.path(), options_.sysfs_root);
  AttributeFiles* files = &KernelFiles();
  if (board_.simulation != nullptr) {
    const std::string folder = SimulatedClockFolder(state_.path());
    const SimulatedClockSpec spec = SimulatedSpec(board_);
    absl::Status made = MakeSimulatedClocks(folder, spec, *boot_id);
    if (!made.ok()) return made;
    simulated_clocks_ = std::make_unique<SimulatedClocks>(folder, ModelOf(*board_.simulation));
    files = simulated_clocks_.get();
    options.simulated = true;
    options.devices = SimulatedDevices(spec);
    options.fan = SimulatedFan(spec);
    options.sysfs_root = SimulatedSysfsRoot(folder);
    options.lease_folder = LeaseFolder(folder);
  } else {
    options.sysfs_root = options_.sysfs_root;
    options.lock_folder = MachineLockFolder();
    options.simulated = board_.info.simulated();  // a captured tree
    options.devices = DeviceClockPlaces(board_.device_clocks);
    options.fan = FanPathsOf(board_);
    options.lease_folder = LeaseFolder(state_.path());
    if (geteuid() != 0 && options_.sysfs_root == "/sys") {
      options.cannot_set = "clocks cannot be set: synergyd does not run as root";
    }
  }
  options.decisive_zones = board_.thermal_zones;
  clocks_ = std::make_unique<ClockControl>(std::move(options), *files);
  board_.info.set_can_set_clocks(clocks_->CanSet());
  for (std::string& zone : clocks_->OpenConditions().ThermalZones()) {
    board_.info.add_thermal_zones(std::move(zone));
  }
  return absl::OkStatus();
}

}  // namespace synergy
