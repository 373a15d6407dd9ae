// Times and shares as people type them. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace synergy {

// Seconds: "90", "90s", "10min", "2h", "2ms", "800us". Not below 0.
absl::StatusOr<double> ParseDuration(const std::string& text);

// "2%" or "0.02"; 0 to 1, both included.
absl::StatusOr<double> ParseShare(const std::string& text);

// As ParseShare, but up to 1000%: what costs twice as much costs 100% more. Above 1 only with the
// percent sign, so that "2" is not taken for 200%.
absl::StatusOr<double> ParseIncrease(const std::string& text);

}  // namespace synergy
