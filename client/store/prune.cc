#include "client/store/prune.h"

#include <algorithm>

namespace synergy {

std::vector<StoredRun> SelectForPruning(const std::vector<StoredRun>& runs, const PruneRule& rule,
                                        int64_t now_unix_ns) {
  if (rule.empty()) return {};
  std::vector<StoredRun> newest_first = runs;
  std::stable_sort(
      newest_first.begin(), newest_first.end(), [](const StoredRun& a, const StoredRun& b) {
        return a.time_unix_ns() != b.time_unix_ns() ? a.time_unix_ns() > b.time_unix_ns()
                                                    : a.number > b.number;
      });
  constexpr double kNanosecondsADay = 86'400e9;
  std::vector<StoredRun> selected;
  for (uint64_t rank = 0; rank < newest_first.size(); ++rank) {
    const StoredRun& run = newest_first[rank];
    const double age_days =
        static_cast<double>(now_unix_ns - run.time_unix_ns()) / kNanosecondsADay;
    if (!run.tags.empty() || run.complete == rule.incomplete) continue;
    if (rule.keep && rank < *rule.keep) continue;
    if (rule.older_than_days && age_days <= *rule.older_than_days) continue;
    selected.push_back(run);
  }
  std::reverse(selected.begin(), selected.end());
  return selected;
}

}  // namespace synergy
