#include "client/commands/resume.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/progress.h"
#include "client/commands/run_transfer.h"

namespace synergy {

absl::Status ReceiveRun(Store& store, BoardLink& link, int64_t number, std::stop_token stop) {
  ProgressLine progress(StderrIsTerminal(), RealClock(),
                        [](std::string_view text) { fmt::print(stderr, "{}", text); });
  RunTransfer transfer(store, link.board(), link, RealClock(),
                       {.on_status = [&](const v1::JobStatus& status) { progress.Update(status); },
                        .on_note =
                            [&](const std::string& note) {
                              progress.Clear();
                              PrintNote(note);
                            }});
  return transfer.Complete(number, stop);
}

absl::StatusOr<std::vector<StoredRun>> CompleteUnfinishedRuns(Store& store, BoardLink& link,
                                                              std::stop_token stop) {
  const absl::StatusOr<std::vector<StoredRun>> unfinished =
      store.UnfinishedRuns(link.board().board_id());
  if (!unfinished.ok()) return unfinished.status();
  std::vector<StoredRun> completed;
  for (const StoredRun& run : *unfinished) {
    const absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(store.path(), run.number);
    if (!claim.ok()) return claim.status();
    if (!*claim) continue;
    PrintNote(fmt::format("completing run {} ({}) of an earlier command, from chunk {} on",
                          run.number, run.net, run.next_seq));
    const absl::Status received = ReceiveRun(store, link, run.number, stop);
    if (ExitCodeOf(received) == ExitCode::kRefused) {
      PrintError(received);
      continue;
    }
    if (!received.ok()) return received;
    absl::StatusOr<StoredRun> now = store.Run(run.number);
    if (!now.ok()) return now.status();
    completed.push_back(*std::move(now));
  }
  return completed;
}

}  // namespace synergy
