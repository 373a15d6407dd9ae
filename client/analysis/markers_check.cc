#include "client/analysis/markers_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "common/reading_counts.h"
#include "common/run_codes.h"

namespace synergy {
namespace {

// Which operators have executions that are counted by `is_odd`, at most three by name.
struct Found {
  size_t operators = 0;
  std::string first;
};

template <typename IsOdd>
Found Find(const RunReport& report, IsOdd is_odd) {
  constexpr size_t kNamed = 3;
  Found found;
  for (const OpReport& op : report.ops) {
    if (!is_odd(op.result.executions)) continue;
    if (++found.operators > kNamed) continue;
    found.first += fmt::format("{}{} ({})", found.first.empty() ? "" : ", ", op.info.name(),
                               op.result.executions);
  }
  if (found.operators > kNamed) found.first += ", ...";
  return found;
}

void Add(ReasonCode code, std::string_view words, RunReport* report) {
  const bool said = std::ranges::any_of(
      report->reasons, [code](const std::string& reason) { return HasCode(reason, code); });
  if (said) return;
  report->reasons.push_back(Reason(code, words));
  report->verdict = std::max(report->verdict, v1::VERDICT_SUSPECT);  // VALID < SUSPECT < INVALID
}

}  // namespace

// A partial run's last iteration was cut off.
void JudgeMarkers(RunReport* report) {
  const uint64_t iterations = report->attribution.iterations;
  if (report->header.clock() != kImportedClock || report->partial || iterations == 0) return;
  const Found missing = Find(*report, [&](uint64_t count) { return count % iterations != 0; });
  if (missing.operators > 0) {
    Add(ReasonCode::kMarkersMissing,
        fmt::format("{} operators ran more or less often than the {} iterations ask for: {}. The "
                    "energy of an execution without a row went to its neighbours; give every "
                    "execution its row, or leave such iterations out",
                    missing.operators, iterations, missing.first),
        report);
  }
  const Found repeated = Find(*report, [&](uint64_t count) { return count >= 2 * iterations; });
  if (repeated.operators == 0) return;
  Add(ReasonCode::kOperatorsRepeat,
      fmt::format("{} operators ran several times in each of the {} iterations: {}. All their "
                  "executions are taken to draw the same power; where they are different "
                  "operators, give each a name of its own",
                  repeated.operators, iterations, repeated.first),
      report);
}

}  // namespace synergy
