#include "client/commands/prune_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/report/text_table.h"

namespace synergy {
namespace {

std::string NotAsked(const StoredRun& run, const absl::StatusOr<BoardAnswer>& answer) {
  const std::string why =
      answer.ok() ? fmt::format("--host leads to another board than {} ({}), where it was measured",
                                Printable(run.board_name), Printable(run.board_id))
                  : std::string(answer.status().message());
  return fmt::format(
      "run {} stays: its board could not be asked whether it can still complete it: {}. --force "
      "removes it all the same",
      run.number, why);
}

std::string StillThere(const StoredRun& run, const v1::JobStatus& job) {
  const bool ended = job.state() != v1::JOB_STATE_QUEUED && job.state() != v1::JOB_STATE_RUNNING;
  return fmt::format(
      "run {} stays: {}synergyctl fetch completes it (--force removes it all the same)", run.number,
      ended ? "its board has kept its records: "
            : fmt::format("its job has not ended on the board: synergyctl cancel {} ends it, ",
                          run.number));
}

}  // namespace

PruneChoice SpareWhatBoardsHave(const std::vector<StoredRun>& runs,
                                const absl::StatusOr<BoardAnswer>& answer) {
  PruneChoice choice;
  for (const StoredRun& run : runs) {
    if (run.complete || run.abandoned) {
      choice.go.push_back(run);
      continue;
    }
    if (!answer.ok() || answer->board_id != run.board_id) {
      choice.stays.push_back(NotAsked(run, answer));
      choice.all_known = false;
      continue;
    }
    const auto job = std::find_if(
        answer->jobs.begin(), answer->jobs.end(),
        [&](const v1::JobStatus& candidate) { return candidate.run_id() == run.run_id; });
    if (job == answer->jobs.end()) {
      choice.go.push_back(run);
    } else {
      choice.stays.push_back(StillThere(run, *job));
    }
  }
  return choice;
}

std::vector<StoredRun> StillAsSelected(const std::vector<StoredRun>& selected,
                                       const std::vector<StoredRun>& now) {
  std::vector<StoredRun> still;
  for (const StoredRun& run : selected) {
    const auto row = std::find_if(now.begin(), now.end(), [&](const StoredRun& candidate) {
      return candidate.number == run.number;
    });
    if (row != now.end() && row->complete == run.complete) still.push_back(*row);
  }
  return still;
}

}  // namespace synergy
