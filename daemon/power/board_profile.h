// A board as data: its rails, which sensor measures them, and what its CPU can be set to. The
// format is described in deploy/board-profiles/README.md; the profiles there are compiled into the
// binary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

struct SensorChannelProfile {
  uint32_t number = 0;  // as the chip's pins are numbered, from 1
  std::string rail;
  double shunt_ohm = 0;
};

struct SensorProfile {
  std::string chip;  // "ina3221"
  std::string bus;   // "i2c-1"
  uint32_t bit_rate_hz = 0;
  uint8_t address = 0;
  std::vector<SensorChannelProfile> channels;
};

struct CpuOperatingPoint {
  double frequency_hz = 0;
  double voltage_v = 0;
};

struct BoardProfile {
  std::string id;
  std::string title;
  double default_rate_hz = 0;
  std::vector<v1::RailInfo> rails;  // a rail stands after the one that contains it
  std::vector<SensorProfile> sensors;
  uint32_t cpu_cores = 0;
  std::vector<CpuOperatingPoint> operating_points;  // by rising frequency
  std::vector<double> gpu_frequencies_hz;           // rising; empty: no GPU whose clock can be set
};

// InvalidArgument with `origin`, the line or the key, what is wrong and what is allowed there. A
// key that nobody knows is an error, too: it is a misspelt one.
absl::StatusOr<BoardProfile> ParseBoardProfile(std::string_view text, std::string_view origin);

// The profile deploy/board-profiles/ID.toml as it was when this binary was built. NotFound where
// there was none.
absl::StatusOr<BoardProfile> BuiltInBoardProfile(std::string_view id);
std::vector<std::string> BuiltInBoardProfileIds();

}  // namespace synergy
