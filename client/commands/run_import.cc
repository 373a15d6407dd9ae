#include "client/commands/run_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/store/removal.h"
#include "client/store/store_path.h"

namespace synergy {
namespace {

// Fewer commits are quicker; what is not committed yet is held in memory.
constexpr size_t kBatchBytes = 16u << 20;

absl::StatusOr<std::optional<StoredRun>> FindRun(Store& store, const std::string& board_id,
                                                 const std::string& run_id) {
  const absl::StatusOr<std::vector<StoredRun>> runs = store.Runs();
  if (!runs.ok()) return runs.status();
  const auto found = std::ranges::find_if(*runs, [&](const StoredRun& run) {
    return run.board_id == board_id && run.run_id == run_id;
  });
  return found == runs->end() ? std::nullopt : std::optional(*found);
}

absl::Status Refused(const std::string& what) {
  return Ending(ExitCode::kRefused, absl::AlreadyExistsError(what));
}

}  // namespace

absl::StatusOr<RunImport> RunImport::Begin(const std::string& store_option,
                                           const v1::BoardInfo& board, const v1::JobStatus& status,
                                           Beginning beginning, std::stop_token stop) {
  const absl::StatusOr<std::string> path = StorePath(store_option, /*create_folder=*/true);
  if (!path.ok()) return path.status();
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kWrite);
  if (!store.ok()) return store.status();
  KeepReserve(*path);
  RunImport import(*std::move(store), std::move(stop));
  const absl::StatusOr<std::optional<StoredRun>> known =
      FindRun(*import.store_, board.board_id(), status.run_id());
  if (!known.ok()) return known.status();
  if (*known && (*known)->complete) {
    return Refused(
        fmt::format("the same is in the store already, as run {} ({}); synergyctl show "
                    "{} shows it",
                    (*known)->number, status.run_id(), (*known)->number));
  }
  import.is_new_ = !*known || beginning == Beginning::kReplace;
  import.board_has_more_ = !import.is_new_ && !(*known)->abandoned;
  absl::Status entered = import.Enter(board, status);
  if (entered.ok() && *known && beginning == Beginning::kReplace) {
    import.Discard();
    entered = import.Enter(board, status);
  }
  if (!entered.ok()) return entered;
  return import;
}

absl::Status RunImport::Enter(const v1::BoardInfo& board, const v1::JobStatus& status) {
  const absl::StatusOr<int64_t> number = store_->PutRun(board, status);
  if (!number.ok()) return number.status();
  number_ = *number;
  claim_.reset();
  absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(store_->path(), *number);
  if (!claim.ok()) return claim.status();
  if (!*claim) {
    return Refused(fmt::format("another synergyctl is just storing the same, as run {}", *number));
  }
  claim_.emplace(**std::move(claim));
  return absl::OkStatus();
}

absl::Status RunImport::Commit() {
  if (batch_.empty()) return absl::OkStatus();
  const absl::Status appended = store_->AppendChunks(number_, batch_);
  batch_.clear();
  batch_bytes_ = 0;
  return appended;
}

absl::Status RunImport::Add(v1::Chunk chunk) {
  if (stop_.stop_requested()) return absl::CancelledError("stopped; nothing of it is stored");
  batch_bytes_ += chunk.data().size();
  batch_.push_back(std::move(chunk));
  return batch_bytes_ < kBatchBytes ? absl::OkStatus() : Commit();
}

absl::Status RunImport::Finish(const std::string& why_incomplete) {
  if (absl::Status status = Commit(); !status.ok()) return status;
  const absl::StatusOr<StoredRun> run = store_->Run(number_);
  if (!run.ok()) return run.status();
  if (board_has_more_) return absl::OkStatus();
  if (!run->complete) return store_->SetAbandoned(number_, why_incomplete);
  return store_->SetAcknowledged(number_, run->next_seq);
}

void RunImport::Discard() {
  if (!is_new_) return;
  const std::array<int64_t, 1> numbers = {number_};
  const absl::Status removed = store_->Delete(numbers);
  if (removed.ok()) {
    claim_.reset();  // of the number, which another process may get now
    const absl::Status forgotten = store_->ForgetNumber(number_);
    if (!forgotten.ok()) PrintError(forgotten);
    return;
  }
  PrintError(removed);
  PrintNote(
      fmt::format("the beginning of run {} is left in the store; synergyctl runs prune "
                  "--incomplete removes it",
                  number_));
}

}  // namespace synergy
