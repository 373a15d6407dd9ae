#include "client/commands/resume.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/progress.h"
#include "client/store/run_claim.h"

namespace synergy {

absl::Status ReceiveRun(Store& store, const v1::BoardInfo& board, RunSource& source, int64_t number,
                        std::stop_token stop,
                        const std::function<absl::Status(const StoredRun&)>& on_complete,
                        const std::function<void(const v1::Chunk&)>& on_chunk) {
  ProgressLine progress(StderrIsTerminal(), RealClock(), WriteProgress, StderrColumns);
  RunTransfer transfer(store, board, source, RealClock(),
                       {.on_status = [&](const v1::JobStatus& status) { progress.Update(status); },
                        .on_note =
                            [&](const std::string& note) {
                              progress.Clear();
                              PrintNote(note);
                            },
                        .on_chunk = on_chunk,
                        .on_complete = on_complete});
  return transfer.Complete(number, stop);
}

namespace {

absl::Status StoppedFollowing(const StoredRun& run) {
  return absl::CancelledError(
      fmt::format("stopped while completing run {} ({}). Where its job has not ended it goes on on "
                  "the board: synergyctl cancel {} ends it, synergyctl fetch takes it up again.",
                  run.number, run.net, run.number));
}

}  // namespace

absl::StatusOr<ResumeOutcome> CompleteUnfinishedRuns(Store& store, const v1::BoardInfo& board,
                                                     RunSource& source, std::stop_token stop,
                                                     const std::set<std::string>& leave_alone) {
  const absl::StatusOr<std::vector<StoredRun>> unfinished = store.UnfinishedRuns(board.board_id());
  if (!unfinished.ok()) return unfinished.status();
  ResumeOutcome outcome;
  for (const StoredRun& run : *unfinished) {
    const absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(store.path(), run.number);
    if (!claim.ok()) return claim.status();
    if (!*claim) continue;
    if (leave_alone.contains(run.run_id)) {
      outcome.going_on.push_back(run);
      continue;
    }
    PrintNote(fmt::format("completing run {} ({}) of an earlier command, from chunk {} on",
                          run.number, run.net, run.next_seq));
    const absl::Status received = ReceiveRun(store, board, source, run.number, stop);
    if (ExitCodeOf(received) == ExitCode::kRefused || absl::IsDataLoss(received)) {
      PrintError(received);
      PrintNote(fmt::format(
          "run {} stays as it is; synergyctl runs prune --incomplete --force removes such runs",
          run.number));
      outcome.left.push_back(run.number);
      continue;
    }
    if (absl::IsCancelled(received) && stop.stop_requested()) return StoppedFollowing(run);
    if (!received.ok()) return received;
    absl::StatusOr<StoredRun> now = store.Run(run.number);
    if (!now.ok()) return now.status();
    if (now->abandoned) {
      PrintNote(fmt::format("run {} ({}) stays incomplete: {}", run.number, run.net, now->error));
      outcome.left.push_back(run.number);
      continue;
    }
    outcome.completed.push_back(*std::move(now));
  }
  return outcome;
}

}  // namespace synergy
