#include "client/commands/quantities.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace synergy {
namespace {

std::optional<double> ScaleOf(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "us") return 1e-6;
  if (unit == "ms") return 1e-3;
  if (unit == "min" || unit == "m") return 60;
  if (unit == "h") return 3600;
  return std::nullopt;
}

}  // namespace

absl::StatusOr<double> ParseDuration(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::optional<double> scale = ScaleOf(end);
  if (end == text.c_str() || !scale || !std::isfinite(number * *scale)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no time: give seconds, 90s, 10min, 30m, 2h, 2ms or 800us", text));
  }
  if (std::signbit(number)) return absl::InvalidArgumentError(fmt::format("{} is below 0", text));
  return number * *scale;
}

absl::StatusOr<double> ParseShare(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string_view unit = end;
  if (end == text.c_str() || !(unit.empty() || unit == "%") || !std::isfinite(number)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no share: give a percentage such as 2%, or 0.02", text));
  }
  if (std::signbit(number)) return absl::InvalidArgumentError(fmt::format("{} is below 0", text));
  const double share = unit.empty() ? number : number / 100;
  if (share <= 1) return share;
  return absl::InvalidArgumentError(
      unit.empty() ? fmt::format("{0} is {1:g} %: give {0}% where that is meant", text, 100 * share)
                   : fmt::format("{} is more than the whole", text));
}

}  // namespace synergy
