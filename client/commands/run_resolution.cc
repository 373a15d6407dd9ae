#include "client/commands/run_resolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace synergy {

absl::StatusOr<StoredRun> ResolveRun(const std::vector<StoredRun>& runs, std::string_view text) {
  if (runs.empty()) {
    return absl::NotFoundError(
        fmt::format("there is no run '{}': no run is stored yet. synergyctl run --net squeezenet "
                    "measures one.",
                    text));
  }
  if (text == "last") return runs.back();
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  std::vector<const StoredRun*> beginning;
  for (const StoredRun& run : runs) {
    if ((is_number && run.number == number) || run.run_id == text) return run;
    if (!text.empty() && run.run_id.starts_with(text)) beginning.push_back(&run);
  }
  if (beginning.size() == 1) return *beginning.front();
  if (beginning.empty()) {
    return absl::NotFoundError(fmt::format(
        "there is no run '{}'. RUN is a number, a run id or the beginning of one, or 'last'; "
        "synergyctl runs lists them.",
        text));
  }
  std::string candidates;
  for (const StoredRun* run : beginning) {
    candidates +=
        fmt::format("{}{} ({})", candidates.empty() ? "" : ", ", run->run_id, run->number);
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' may be any of {}: give more of it, or the number.", text, candidates));
}

}  // namespace synergy
