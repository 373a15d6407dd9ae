// Times and shares as people type them. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace synergy {

// Seconds: "90", "90s", "10min", "2h", "2ms", "800us". Not below 0.
absl::StatusOr<double> ParseDuration(const std::string& text);

// "2%" or "0.02"; 0 to 1, both included.
absl::StatusOr<double> ParseShare(const std::string& text);

}  // namespace synergy
