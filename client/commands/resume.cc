#include "client/commands/resume.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/progress.h"
#include "client/store/run_claim.h"
#include "common/printable.h"

namespace synergy {

namespace {

constexpr size_t kLogBytes = 8u << 10;
constexpr size_t kLogLines = 20;
constexpr size_t kLogLineBytes = 500;

// The board forgets the log with the run. That there is none to be had is no error.
void ShowLogsEnd(RunSource& source, int64_t number, const std::string& run_id) {
  std::string log;
  const auto keep_end = [&log](std::string_view part) {
    log += part;
    if (log.size() > kLogBytes) log.erase(0, log.size() - kLogBytes);
    return absl::OkStatus();
  };
  if (!source.Log(run_id, keep_end).ok()) return;
  std::vector<std::string> lines = absl::StrSplit(log, '\n', absl::SkipEmpty());
  if (lines.empty()) return;
  if (lines.size() > kLogLines) lines.erase(lines.begin(), lines.end() - kLogLines);
  PrintNote(fmt::format("run {} failed; the end of what its engine printed:", number));
  for (const std::string& line : lines) PrintNote("  " + Printable(line, kLogLineBytes));
}

}  // namespace

absl::Status ReceiveRun(Store& store, const v1::BoardInfo& board, RunSource& source, int64_t number,
                        std::stop_token stop,
                        const std::function<absl::Status(const StoredRun&)>& on_complete,
                        const std::function<void(const v1::Chunk&)>& on_chunk) {
  ProgressLine progress(StderrIsTerminal(), RealClock(), WriteProgress, StderrColumns);
  bool log_shown = false;
  // While the board still has it, which may be without a record of its end.
  const auto show_log = [&](v1::JobState state, const std::string& run_id) {
    if (state != v1::JOB_STATE_FAILED || std::exchange(log_shown, true)) return;
    progress.Clear();
    ShowLogsEnd(source, number, run_id);
  };
  RunTransfer transfer(store, board, source, RealClock(),
                       {.on_status =
                            [&](const v1::JobStatus& status) {
                              progress.Update(status);
                              show_log(status.state(), status.run_id());
                            },
                        .on_note =
                            [&](const std::string& note) {
                              progress.Clear();
                              PrintNote(note);
                            },
                        .on_chunk = on_chunk,
                        .on_complete =
                            [&](const StoredRun& run) {
                              show_log(run.state, run.run_id);
                              return on_complete ? on_complete(run) : absl::OkStatus();
                            }});
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
