#include "client/commands/pause_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

namespace synergy {

absl::StatusOr<std::optional<double>> ParsePause(const std::string& text) {
  if (text == "auto") return std::optional<double>();
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string_view unit = end;
  const double scale = unit.empty() || unit == "s" ? 1
                       : unit == "ms"              ? 1e-3
                       : unit == "us"              ? 1e-6
                                                   : 0;
  if (end == text.c_str() || scale == 0 || !std::isfinite(number)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}': give seconds, 2ms, 800us, 0 for none, or auto", text));
  }
  if (std::signbit(number)) return absl::InvalidArgumentError(fmt::format("{} is below 0", text));
  return number * scale;
}

double PauseFor(const v1::BoardInfo& board) {
  double longest_s = 0;
  for (const v1::SourceInfo& source : board.sources()) {
    for (const v1::ChannelInfo& channel : source.channels()) {
      const double period_s = channel.window().period_s();
      if (period_s <= kLongestCycleS) longest_s = std::max(longest_s, period_s);
    }
  }
  return longest_s;
}

}  // namespace synergy
