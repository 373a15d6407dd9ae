#include "common/reading_counts.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace synergy {
namespace {

// Too few for the phase, or mostly the same ones again.
std::optional<CountFault> JudgeRail(const ReadingCount& rail, size_t operators, double fewest) {
  if (static_cast<double>(rail.readings) < fewest) {
    return CountFault{
        .code = ReasonCode::kFewReadings,
        .words = fmt::format("{} was read {} times in the measured phase, and at least "
                             "{:g} are needed; sample faster or measure more iterations",
                             rail.rail, rail.readings, fewest)};
  }
  const uint64_t fresh = rail.readings - std::min(rail.repeats, rail.readings);
  const double needed = std::max(fewest, static_cast<double>(operators));
  if (static_cast<double>(fresh) >= needed) return std::nullopt;
  return CountFault{
      .code = ReasonCode::kFewFresh,
      .words = fmt::format(
          "of {} readings of {} at most {} came from new conversions, fewer than {:g} "
          "({:g}, or one for each of the network's {} operators); measure more iterations",
          rail.readings, rail.rail, fresh, needed, fewest, operators)};
}

}  // namespace

std::vector<CountFault> JudgeCounts(std::span<const ReadingCount> rails, size_t operators,
                                    double fewest) {
  const bool none = !rails.empty() && std::ranges::all_of(rails, [](const ReadingCount& rail) {
    return rail.readings == 0;
  });
  if (none) {
    return {{.verdict = v1::VERDICT_INVALID,
             .code = ReasonCode::kFewReadings,
             .words = "no rail was read in the measured phase; sample faster or measure more "
                      "iterations"}};
  }
  std::vector<CountFault> faults;
  for (const ReadingCount& rail : rails) {
    if (auto fault = JudgeRail(rail, operators, fewest)) faults.push_back(*std::move(fault));
  }
  return faults;
}

}  // namespace synergy
