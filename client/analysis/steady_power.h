// What a rail drew in a stretch of a run in which one and the same thing went on. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/attribution/run_data.h"

namespace synergy {

// Of the device's clock.
struct Stretch {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

struct SteadyPower {
  std::optional<double> mean_w = {};  // absent: not read
  // 95 % of such stretches would have their mean within this of it, and half a step of the sensor
  // is in it. From the means of ten equal parts, which are taken for independent; absent: too few
  // readings.
  std::optional<double> half_width_w = {};
};

// Of readings that lie in it, whole.
SteadyPower SteadyPowerIn(const RunData& data, const RailPower& rail, const Stretch& stretch);

// What a reading of the rail takes together, in ns; nothing where it is not known.
std::optional<int64_t> WindowNs(const RunData& data, const std::string& rail);

// So many windows after a change a recursive filter still holds 5 % of it, a box nothing.
inline constexpr int64_t kSettledWindows = 3;

}  // namespace synergy
