// The files of a simulated board's clocks: a folder laid out as the board's sysfs is. SIMULATED:
// they are numbers, and what is written to them reaches nothing but the model of the board.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/clocks/device_clocks.h"
#include "daemon/clocks/fan.h"

namespace synergy {

struct SimulatedClockSpec {
  struct Policy {
    int cores = 0;
    std::vector<int64_t> khz = {};  // rising
  };
  std::vector<Policy> policies = {};            // cores are numbered from the first policy on
  std::vector<std::string> cpu_governors = {};  // the first is at work at first
  // Where the board has its devices' clocks and its fan; of several places of one the first.
  std::vector<DeviceClockPaths> devices = {};
  std::optional<FanPaths> fan = {};
  std::vector<int64_t> gpu_hz = {};  // of devices with devfreq, rising; empty: there are none
  std::vector<std::string> gpu_governors = {};
  int64_t memory_lowest_hz = 0, memory_highest_hz = 0;  // of overrides; 0: there are none
  std::string thermal_zone = {};                        // type of the one zone; "": there is none
  bool throttle_counter = false;  // x86's core_throttle_count; else a cooling device
};

// What such a tree has of the spec's devices and of its fan, and where.
std::vector<DeviceClockPaths> SimulatedDevices(const SimulatedClockSpec& spec);
std::optional<FanPaths> SimulatedFan(const SimulatedClockSpec& spec);

// Makes the tree in `folder` where there is none of this boot and this spec: a restart of the
// machine sets a real board's clocks back, too.
absl::Status MakeSimulatedClocks(const std::string& folder, const SimulatedClockSpec& spec,
                                 const std::string& boot_id);
// The sysfs root of such a folder.
std::string SimulatedSysfsRoot(const std::string& folder);

// A file that takes a number as it is: a rate, a switch, a fan's speed.
struct SimulatedNumber {
  std::string path;  // below the root
  int64_t lowest = 0, highest = 0;
};
std::vector<SimulatedNumber> ReadSimulatedNumbers(const std::string& folder);

// Where these are, below the root.
inline constexpr char kSimulatedCpus[] = "/devices/system/cpu";
inline constexpr char kSimulatedZone[] = "/class/thermal/thermal_zone0";
inline constexpr char kSimulatedCooling[] = "/class/thermal/cooling_device0";
inline constexpr char kSimulatedThrottles[] = "/devices/system/cpu/cpu0/thermal_throttle";

}  // namespace synergy
