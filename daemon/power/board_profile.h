// A board as data: how to recognise it, its rails, which sensor measures them, and what can be set
// on it. The format is described in deploy/boards/README.md; the profiles there are compiled into
// the binary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/power/simulation_profile.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// Resistors for measuring currents are of 1 % and better: where nobody says, relative.
inline constexpr double kShuntTolerance = 0.01;

struct SensorChannelProfile {
  uint32_t number = 0;  // as the chip's pins are numbered, from 1
  std::string rail;
  double shunt_ohm = 0;
  double shunt_tolerance = kShuntTolerance;
};

struct SensorProfile {
  std::string chip;  // "ina3221"
  std::string bus;   // "i2c-1"
  uint32_t bit_rate_hz = 0;
  uint8_t address = 0;
  std::vector<SensorChannelProfile> channels;
  // The fastest settings that are known to work on this board; 0: the chip's own.
  uint32_t averages = 0;       // conversions that make a reading
  uint32_t conversion_us = 0;  // of each conversion
};

// What a machine must have to be this board; one of the three suffices. All empty: it is only taken
// by name.
struct BoardSigns {
  std::vector<std::string> compatible;   // of the device tree's root
  std::vector<std::string> dmi_product;  // product_name of the firmware's tables
  // Paths below the sysfs root, '*' for the rest of a name. Only asked where nothing else fits.
  std::vector<std::string> present;
  uint32_t rank = 0;  // of several profiles of which something is present, the highest is taken
};

// A rail as the kernels of this board may label it; the first is its name.
struct RailProfile {
  v1::RailInfo info;
  std::vector<std::string> labels;
};

// Where a device's clock may be; paths below the sysfs root, '*' for the rest of a name. Either
// `devfreq` or the others are set.
struct DeviceClockProfile {
  std::string name;                                     // "gpu", "memory"
  std::vector<std::string> devfreq;                     // the first that is there
  std::string rate, rate_read, state, lowest, highest;  // of an override; "": there is none such
};

// A fan that can be held at a speed, so that its noise and power stay the same.
struct FanProfile {
  std::vector<std::string> target;  // attributes as above; the first that is there
  uint32_t full = 0;                // its value at full speed
};

struct BoardProfile {
  std::string id;
  std::string title;
  double default_rate_hz = 0;
  BoardSigns signs;
  std::vector<RailProfile> rails;  // a rail stands after the one that contains it
  std::vector<SensorProfile> sensors;
  uint32_t cpu_cores = 0;                           // 0: not said
  std::vector<CpuOperatingPoint> operating_points;  // by rising frequency; empty: not said
  std::vector<double> gpu_frequencies_hz;           // rising; empty: not said
  std::vector<DeviceClockProfile> clocks;
  // `type` of the kernel's thermal zones that tell whether the board is cool, the most telling one
  // first; empty: all that there are.
  std::vector<std::string> thermal_zones;
  std::optional<FanProfile> fan;
  std::optional<SimulationProfile> simulation;  // nothing: this board cannot be simulated
  std::vector<std::string> notes;  // what a user of this board should know, a line each

  std::vector<v1::RailInfo> RailInfos() const;
  // Those that the listed sensors measure.
  std::vector<v1::RailInfo> SensedRailInfos() const;
};

// "sim:" and the id of a profile that there is a simulation of.
inline constexpr std::string_view kSimulatedPrefix = "sim:";

// InvalidArgument with `origin`, the line or the key, what is wrong and what is allowed there. A
// key that nobody knows is an error, too: it is a misspelt one.
//
// A profile need not list sensors: those of a real board are found by asking its kernel, and the
// rails are matched with them by label. What simulates a board has the table [simulation], and
// sensors where those are INA3221s.
absl::StatusOr<BoardProfile> ParseBoardProfile(std::string_view text, std::string_view origin);

// The profile deploy/boards/ID.toml as it was when this binary was built. NotFound where
// there was none.
absl::StatusOr<BoardProfile> BuiltInBoardProfile(std::string_view id);
std::vector<std::string> BuiltInBoardProfileIds();
// All of them, by id. They are valid, as tests see to.
absl::StatusOr<std::vector<BoardProfile>> BuiltInBoardProfiles();

}  // namespace synergy
