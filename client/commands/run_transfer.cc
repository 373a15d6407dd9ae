#include "client/commands/run_transfer.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/run_resolution.h"
#include "client/net/busy.h"
#include "client/store/truth_store.h"

namespace synergy {
namespace {

// Fewer, larger commits only delay what is on the disk.
constexpr size_t kMaxBatchBytes = 4u << 20;
constexpr Nanoseconds kReconnectEvery = Milliseconds(250);

std::string Message(const absl::Status& status) { return std::string(status.message()); }

std::string WhyGone(RunSource& source, const StoredRun& run, const absl::Status& missing) {
  std::string evicted;
  if (const absl::StatusOr<v1::QueueState> queue = source.Queue(); queue.ok()) {
    const std::vector<v1::EvictedRun> runs(queue->evicted().begin(), queue->evicted().end());
    evicted = WhyEvicted(runs, run.run_id);
  }
  if (!evicted.empty()) return evicted;
  return fmt::format("the board no longer has the rest of it ({})", Message(missing));
}

// A board that is too busy to answer is as good as lost for the moment.
bool ContactLost(const absl::Status& status) {
  return ExitCodeOf(status) == ExitCode::kNotReached || IsBusy(status);
}

// What is stored stays, and the board keeps the rest.
absl::Status StoreError(const absl::Status& status) {
  const absl::Status said(
      status.code(), fmt::format("{} The board goes on measuring and keeps what is not stored yet: "
                                 "synergyctl fetch completes the run once that is mended.",
                                 Message(status)));
  return Ending(ExitCode::kPartial, said);
}

}  // namespace

absl::Status RunTransfer::Complete(int64_t number, std::stop_token stop) {
  lost_since_.reset();
  while (true) {
    const absl::Status status = Attempt(number, stop);
    if (!ContactLost(status)) return status;
    const absl::Status back = AwaitBoard(status, stop);
    if (!back.ok()) return back;
  }
}

absl::Status RunTransfer::AwaitBoard(const absl::Status& lost, std::stop_token stop) {
  // A board that answers and then breaks off again, without a word between, is lost all the time.
  if (!lost_since_) {
    lost_since_ = clock_.Now();
    listener_.on_note(fmt::format("lost the board ({}); looking for it", Message(lost)));
  }
  std::string why = Message(lost);
  while (true) {
    if (stop.stop_requested()) return absl::CancelledError("stopped while the board was away");
    const MonotonicTime now = clock_.Now();
    if (now - *lost_since_ >= kReconnectFor) break;
    const absl::Status back = source_.Reconnect();
    if (!ContactLost(back)) {
      if (back.ok()) clock_.SleepUntil(now + kReconnectEvery);
      return back;
    }
    why = Message(back);
    clock_.SleepUntil(now + kReconnectEvery);
  }
  return Ending(
      ExitCode::kPartial,
      absl::UnavailableError(fmt::format(
          "lost the board and did not find it again ({}). What came so far is stored; the "
          "board keeps the rest, and synergyctl fetch completes the run.",
          why)));
}

absl::Status RunTransfer::Attempt(int64_t number, std::stop_token stop) {
  absl::StatusOr<StoredRun> run = store_.Run(number);
  if (!run.ok()) return StoreError(run.status());
  if (!run->complete) {
    if (absl::Status status = FollowToTheEnd(*run, stop); !status.ok()) return status;
    run = store_.Run(number);
    if (!run.ok()) return StoreError(run.status());
  }
  if (run->complete && run->simulated && run->has_truth) {
    const absl::StatusOr<bool> saved = SaveTruth(*run);
    if (!saved.ok()) return saved.status();
    // The board forgets what is wholly acknowledged: the truth is asked for again another time.
    if (!*saved) return absl::OkStatus();
  }
  if (run->complete && listener_.on_complete) {
    const absl::Status taken = listener_.on_complete(*run);
    if (ContactLost(taken)) return taken;
  }
  return Acknowledge(*run, run->next_seq);
}

absl::Status RunTransfer::FollowToTheEnd(const StoredRun& run, std::stop_token stop) {
  batch_.clear();
  batch_bytes_ = 0;
  last_commit_ = clock_.Now();
  absl::Status taken;  // Follow hands it on, among errors of its own
  const DeviceClient::Follower follower{
      .on_chunk = [&](v1::Chunk chunk) { return taken = Take(run, std::move(chunk)); },
      .on_status =
          [&](const v1::JobStatus& status) {
            lost_since_.reset();
            listener_.on_status(status);
            return absl::OkStatus();
          }};
  const absl::StatusOr<v1::JobStatus> last =
      source_.Follow(run.run_id, run.next_seq, follower, stop);
  // Whatever ended the following: what has come is worth keeping. A board that is lost need not be
  // told of it.
  const absl::Status lost = last.ok() ? absl::OkStatus() : FromDevice(last.status());
  const absl::Status kept = ContactLost(lost) ? Keep(run) : Commit(run);
  if (!kept.ok()) return kept;
  if (!taken.ok()) return taken;
  if (absl::IsNotFound(last.status()) || absl::IsOutOfRange(last.status())) {
    return Abandon(run, WhyGone(source_, run, last.status()));
  }
  if (!last.ok()) return FromDevice(last.status());
  if (const auto put = store_.PutRun(board_, *last); !put.ok()) return StoreError(put.status());
  const absl::StatusOr<StoredRun> now = store_.Run(run.number);
  if (!now.ok()) return StoreError(now.status());
  if (now->complete) return absl::OkStatus();
  return Abandon(run, last->error().empty() ? "the board has no end record of it" : last->error());
}

absl::Status RunTransfer::Take(const StoredRun& run, v1::Chunk chunk) {
  lost_since_.reset();
  if (listener_.on_chunk) listener_.on_chunk(chunk);
  batch_bytes_ += chunk.data().size();
  batch_.push_back(std::move(chunk));
  if (clock_.Now() - last_commit_ < kCommitEvery && batch_bytes_ < kMaxBatchBytes) {
    return absl::OkStatus();
  }
  return Commit(run);
}

absl::Status RunTransfer::Keep(const StoredRun& run) {
  if (batch_.empty()) return absl::OkStatus();
  const absl::Status appended = store_.AppendChunks(run.number, batch_);
  batch_.clear();
  batch_bytes_ = 0;
  last_commit_ = clock_.Now();
  return appended.ok() ? appended : StoreError(appended);
}

absl::Status RunTransfer::Commit(const StoredRun& run) {
  if (batch_.empty()) return absl::OkStatus();
  if (absl::Status kept = Keep(run); !kept.ok()) return kept;
  const absl::StatusOr<StoredRun> stored = store_.Run(run.number);
  if (!stored.ok()) return StoreError(stored.status());
  // The board forgets a run that ended and is wholly acknowledged: its truth must be here before.
  return stored->complete ? absl::OkStatus() : Acknowledge(*stored, stored->next_seq);
}

absl::Status RunTransfer::Acknowledge(const StoredRun& run, uint64_t next_seq) {
  absl::Status told = is_others_ ? absl::OkStatus() : source_.Acknowledge(run.run_id, next_seq);
  // The next one covers this one, too; without a next one a later fetch does.
  if (IsBusy(told)) return absl::OkStatus();
  if (absl::IsPermissionDenied(told)) {
    is_others_ = true;
    listener_.on_note(fmt::format(
        "run {} is another client's: it is stored here, and stays on the board for its owner ({})",
        run.number, Message(told)));
    told = absl::OkStatus();
  }
  // A board that has forgotten the run has nothing left to be told.
  if (!told.ok() && !absl::IsNotFound(told)) return FromDevice(told);
  const absl::Status noted = store_.SetAcknowledged(run.number, next_seq);
  return noted.ok() ? noted : StoreError(noted);
}

absl::StatusOr<bool> RunTransfer::SaveTruth(const StoredRun& run) {
  const auto not_stored = [&](const absl::Status& why) {
    listener_.on_note(fmt::format(
        "the truth of run {} is not stored: {} The run itself is whole; the board keeps both until "
        "synergyctl fetch has brought the truth.",
        run.number, Message(why)));
    return false;
  };
  auto truths = TruthStore::Open(store_.path(), StoreAccess::kWrite);
  if (!truths.ok()) return not_stored(truths.status());
  const absl::StatusOr<bool> has = (*truths)->Has(run.board_id, run.run_id);
  if (!has.ok()) return not_stored(has.status());
  if (*has) return true;
  const absl::StatusOr<v1::RunTruth> truth = source_.Truth(run.run_id);
  if (!truth.ok()) {
    const absl::Status status = FromDevice(truth.status());
    if (ContactLost(status)) return status;
    // The records are what counts: they are not held back for lack of the truth.
    listener_.on_note(fmt::format("run {} has no truth: {}", run.number, Message(status)));
    return true;
  }
  const absl::Status put = (*truths)->Put(run.board_id, *truth);
  return put.ok() ? absl::StatusOr<bool>(true) : not_stored(put);
}

absl::Status RunTransfer::Abandon(const StoredRun& run, const std::string& why) {
  const absl::Status status = store_.SetAbandoned(run.number, why);
  return status.ok() ? status : StoreError(status);
}

}  // namespace synergy
