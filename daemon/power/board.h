// A board as the daemon owns it: its description, its power sources and, where it is simulated, the
// model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/settings.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/board_simulation.h"
#include "daemon/power/power_source.h"
#include "daemon/power/simulated_faults.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// What the clocks of a simulated board can be set to.
struct ClockTables {
  std::vector<SimulatedPolicy> policies = {};
  std::vector<std::string> cpu_governors = {};  // the first is at work at first
  std::vector<int64_t> gpu_hz = {};             // rising; empty: there is no GPU
  std::vector<std::string> gpu_governors = {};
  int64_t memory_lowest_hz = 0, memory_highest_hz = 0;  // 0: the memory's clock cannot be set
  std::string thermal_zone = {};                        // type of the one zone; "": there is none
  bool throttle_counter = false;  // throttling shows as a counter; else as a cooling device
};

struct Board {
  // name, title, simulated, rails, default_rate_hz, cannot; the daemon fills in the rest.
  v1::BoardInfo info;
  ClockTables clock_tables;  // simulated boards only
  // Where its devices' clocks may be, best first (of a simulated board: which devices it has);
  // empty where nothing is known of them.
  std::vector<DeviceClockProfile> device_clocks;
  std::optional<FanProfile> fan;  // likewise
  // Types of the thermal zones that tell whether the board is cool; none: all do.
  std::vector<std::string> thermal_zones;
  // Declared before the sources, which may read from it.
  std::shared_ptr<BoardSimulation> simulation;        // null on real hardware
  std::vector<std::unique_ptr<PowerSource>> sources;  // empty: this board cannot measure
};

// How the sensors of a real board are reached.
struct SensorAccess {
  std::string sysfs_root = "/sys";          // or a tree captured from another machine
  SettingWriter* settings = nullptr;        // outlives the board; null: simulated boards only
  bool direct_i2c = false;                  // INA3221s without their driver (i2c_ina3221.h)
  std::vector<std::string> programs = {};   // commands of further sources (exec_source.h)
  std::vector<SimulatedFault> faults = {};  // of a simulated board; others are InvalidArgument
};

// The profile of a name: "auto" stands for the one that is recognised (real_board.h), or for one
// that says nothing of the board where none is. "sim:ID" is that of ID. NotFound, with the names
// that exist: there is no such board.
absl::StatusOr<BoardProfile> BoardProfileOf(std::string_view name, const std::string& sysfs_root);

// "auto" and the ids of profiles are real boards and never simulate: where no sensor is found, the
// board has no sources and info.cannot says why and names `--board sim:jetson-tx1`. The readings of
// a captured tree are said to be simulated. "sim:ID" is the simulation of a board whose profile has
// one. Anything else is NotFound with the names that exist. `clock` outlives the board. `seed` sets
// what differs between two simulated boards of the same kind: oscillator, gain, phase.
absl::StatusOr<Board> OpenBoard(std::string_view name, uint64_t seed, Clock& clock,
                                const SensorAccess& access = {});

}  // namespace synergy
