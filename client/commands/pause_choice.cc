#include "client/commands/pause_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/commands/quantities.h"

namespace synergy {

absl::StatusOr<std::optional<double>> ParsePause(const std::string& text) {
  if (text == "auto") return std::optional<double>();
  const absl::StatusOr<double> pause = ParseDuration(text);
  if (pause.ok()) return std::optional<double>(*pause);
  return absl::InvalidArgumentError(
      fmt::format("{}; 0 for none, or auto", std::string(pause.status().message())));
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
