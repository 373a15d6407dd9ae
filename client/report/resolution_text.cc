#include "client/report/resolution_text.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "client/analysis/resolution.h"
#include "client/report/text_table.h"
#include "common/records/resolution.h"

namespace synergy {
namespace {

std::string Words(const RailResolution& rail, size_t operators) {
  if (!rail.shortest_s) {
    return "which time its readings are of is not known, nor which operators they resolve";
  }
  if (rail.shorter == 0) {
    return fmt::format("operators of {} and more: all {} of them", TimeText(*rail.shortest_s),
                       operators);
  }
  return fmt::format(
      "operators of {} and more; {} of {} {} shorter: the joules of those are mixed with what ran "
      "beside them",
      TimeText(*rail.shortest_s), rail.shorter, operators, rail.shorter == 1 ? "is" : "are");
}

}  // namespace

std::string ResolutionText(const RunReport& report) {
  if (report.ops.empty()) return "";
  std::vector<std::pair<std::string, std::string>> lines;  // words and rails
  for (const RailResolution& rail : ResolutionOf(report)) {
    const std::string words = Words(rail, report.ops.size());
    if (!lines.empty() && lines.back().first == words) {
      lines.back().second += ", " + Printable(rail.rail);
    } else {
      lines.emplace_back(words, Printable(rail.rail));
    }
  }
  std::string text;
  for (const auto& [words, rails] : lines) {
    text += fmt::format("  {:<8} {}: {}\n", text.empty() ? "resolves" : "", rails, words);
  }
  return text;
}

}  // namespace synergy
