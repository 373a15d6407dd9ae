// Frequencies of clocks as people write them and as the kernel counts them: whole kilohertz.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace synergy {

struct Frequency {
  int64_t khz = 0;
  auto operator<=>(const Frequency&) const = default;
};

// "1224MHz", "614.4 MHz", "1.2GHz", "1224000kHz"; the unit in any case, above 0 and at most 1 THz.
// Exact: InvalidArgument where it is no whole number of kilohertz, has no unit, or is no frequency.
absl::StatusOr<Frequency> ParseFrequency(std::string_view text);

// The shortest text in MHz that ParseFrequency takes back: "614.4MHz".
std::string FormatFrequency(Frequency frequency);

}  // namespace synergy
