#include "daemon/clocks/throttle_watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace synergy {

void ThrottleWatch::See(const v1::Conditions& now) {
  for (const v1::Conditions::Throttle& seen : now.throttles()) {
    if (seen.what().starts_with("cpu") && seen.what().ends_with(" off")) continue;
    const auto [throttle, added] = throttles_.try_emplace(seen.what());
    throttle->second.value = seen.value();
    // What is seen for the first time was so before.
    if (added) throttle->second.at_begin = seen.value();
    throttle->second.highest = std::max(throttle->second.highest, seen.value());
  }
}

void ThrottleWatch::BeginSpan() {
  for (auto& [what, throttle] : throttles_) throttle.at_begin = throttle.highest = throttle.value;
}

std::vector<std::string> ThrottleWatch::EndSpan() const {
  std::vector<std::string> lines;
  for (const auto& [what, throttle] : throttles_) {
    if (what.starts_with("cooling ") && throttle.highest > 0) {
      lines.push_back(
          fmt::format("{} was in state {} (0: it lowers no clock)", what, throttle.highest));
    } else if (throttle.highest > throttle.at_begin) {
      lines.push_back(
          fmt::format("{} went from {} to {}", what, throttle.at_begin, throttle.highest));
    }
  }
  return lines;
}

}  // namespace synergy
