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

namespace {

constexpr double kHighestIncrease = 10;

// Not below 0.
struct Share {
  double value = 0;
  bool percent = false;  // that is how it was given
};

absl::StatusOr<Share> ReadShare(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string_view unit = end;
  if (end == text.c_str() || !(unit.empty() || unit == "%") || !std::isfinite(number)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no share: give a percentage such as 2%, or 0.02", text));
  }
  if (std::signbit(number)) return absl::InvalidArgumentError(fmt::format("{} is below 0", text));
  return unit.empty() ? Share{number} : Share{number / 100, /*percent=*/true};
}

absl::Status Unclear(const std::string& text, double share) {
  return absl::InvalidArgumentError(
      fmt::format("{0} is {1:g} %: give {0}% where that is meant", text, 100 * share));
}

}  // namespace

absl::StatusOr<double> ParseShare(const std::string& text) {
  const absl::StatusOr<Share> share = ReadShare(text);
  if (!share.ok()) return share.status();
  if (share->value <= 1) return share->value;
  if (!share->percent) return Unclear(text, share->value);
  return absl::InvalidArgumentError(fmt::format("{} is more than the whole", text));
}

absl::StatusOr<double> ParseIncrease(const std::string& text) {
  const absl::StatusOr<Share> increase = ReadShare(text);
  if (!increase.ok()) return increase.status();
  if (increase->value > 1 && !increase->percent) return Unclear(text, increase->value);
  if (increase->value <= kHighestIncrease) return increase->value;
  return absl::InvalidArgumentError(fmt::format("{} is more than {:g}%, the highest that is taken",
                                                text, 100 * kHighestIncrease));
}

}  // namespace synergy
