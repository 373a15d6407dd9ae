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

// What the profile of the board that is simulated says.
SimulatedClockSpec SimulatedSpec(const Board& board) {
  return {.cores = static_cast<int>(board.clock_tables.cpu_cores),
          .cpu_khz = board.clock_tables.cpu_khz,
          .gpu_hz = board.clock_tables.gpu_hz,
          .thermal_zone = board.clock_tables.thermal_zone,
          .throttle_counter = board.clock_tables.throttle_counter,
          .memory = std::ranges::find(board.device_clocks, "memory", &DeviceClockProfile::name) !=
                    board.device_clocks.end(),
          .fan_full = board.fan.has_value() ? board.fan->full : 0};
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
    spdlog::warn("clocks or settings are not what they were; `synergyd --restore` tries again");
  }
}

// Held as long as the sensors are read: the settings of their chips come back with it.
absl::Status Daemon::TakeSensorSettings() {
  if (options_.board.starts_with(kSimulatedPrefix)) return absl::OkStatus();
  const absl::StatusOr<RestoreOptions> restore =
      RestoreOptionsOf(options_.sysfs_root, KernelFiles());
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
  AttributeFiles* files = &KernelFiles();
  if (board_.simulation != nullptr) {
    const std::string folder = SimulatedClockFolder(state_.path());
    const SimulatedClockSpec spec = SimulatedSpec(board_);
    absl::Status made = MakeSimulatedClocks(folder, spec, *boot_id);
    if (!made.ok()) return made;
    BoardSimulation& simulation = *board_.simulation;
    simulated_clocks_ = std::make_unique<SimulatedClocks>(
        folder,
        SimulatedHeat{.celsius = [&simulation] { return simulation.temperature_c(); },
                      .throttled_khz = [&simulation] { return simulation.throttled_khz(); }});
    files = simulated_clocks_.get();
    options.simulated = true;
    options.devices = SimulatedDevices(spec);
    options.fan = SimulatedFan(spec);
    options.sysfs_root = SimulatedSysfsRoot(folder);
    options.lease_folder = LeaseFolder(folder);
  } else {
    options.sysfs_root = options_.sysfs_root;
    options.simulated = board_.info.simulated();  // a captured tree
    options.devices = DeviceClockPlaces(board_.device_clocks);
    if (board_.fan.has_value()) {
      options.fan = FanPaths{.targets = board_.fan->target, .full = board_.fan->full};
    }
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
