#include "client/store/removal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <utility>

#include "common/unique_fd.h"

namespace synergy {
namespace {

// A moved page is written with the one that refers to it and the one that keeps count of both: 64
// of them are at most 0.8 MB of log.
constexpr int kPagesAStep = 64;
// Rows of a run lie in three trees, so a chunk is at most three pages of log and some more for the
// list of those that become free.
constexpr int kChunksAStep = 64;

absl::Status TruncateLog(Database& database) {
  return database.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

absl::Status RemoveAtOnce(Database& database, std::span<const int64_t> numbers) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<Statement> remove = database.Prepare("DELETE FROM runs WHERE run = ?1");
  if (!remove.ok()) return remove.status();
  for (const int64_t number : numbers) {
    if (absl::Status status = remove->Bind(1, number).Run(); !status.ok()) return status;
  }
  return transaction->Commit();
}

// Some of what a meter has of the run. False: nothing is left of that.
absl::StatusOr<bool> RemoveMeterTail(Database& database, int64_t number) {
  absl::StatusOr<Statement> remove = database.Prepare(
      "DELETE FROM meter_chunks WHERE rowid IN (SELECT m.rowid FROM meter_chunks m JOIN runs "
      "USING (board, run) WHERE run = ?1 LIMIT ?2)");
  if (!remove.ok()) return remove.status();
  const absl::Status removed = remove->Bind(1, number).Bind(2, int64_t{kChunksAStep}).Run();
  if (!removed.ok()) return removed;
  return database.changes() > 0;
}

// The last chunks of a run, which is a shorter one then. False: it has none any more.
absl::StatusOr<bool> RemoveTail(Database& database, int64_t number) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<Statement> mark = database.Prepare(
      "UPDATE runs SET complete = 0, abandoned = 1, next_seq = max(next_seq - ?2, 0), "
      "error = 'runs prune was about to remove it, and was interrupted' WHERE run = ?1");
  if (!mark.ok()) return mark.status();
  if (absl::Status status = mark->Bind(1, number).Bind(2, int64_t{kChunksAStep}).Run();
      !status.ok()) {
    return status;
  }
  absl::StatusOr<Statement> remove = database.Prepare(
      "DELETE FROM chunks WHERE (board, run) = (SELECT board, run FROM runs WHERE run = ?1) "
      "AND seq >= (SELECT next_seq FROM runs WHERE run = ?1)");
  if (!remove.ok()) return remove.status();
  if (absl::Status status = remove->Bind(1, number).Run(); !status.ok()) return status;
  bool more = database.changes() > 0;
  if (!more) {
    const absl::StatusOr<bool> meter = RemoveMeterTail(database, number);
    if (!meter.ok()) return meter.status();
    more = *meter;
  }
  absl::StatusOr<Statement> count = database.Prepare(
      "UPDATE runs SET bytes = (SELECT coalesce(sum(length(data)), 0) FROM chunks c "
      "WHERE c.board = runs.board AND c.run = runs.run) + "
      "(SELECT coalesce(sum(length(data)), 0) FROM meter_chunks m "
      "WHERE m.board = runs.board AND m.run = runs.run) + "
      "(SELECT coalesce(sum(length(record)), 0) FROM meters r "
      "WHERE r.board = runs.board AND r.run = runs.run) WHERE run = ?1");
  if (!count.ok()) return count.status();
  if (absl::Status status = count->Bind(1, number).Run(); !status.ok()) return status;
  if (absl::Status status = transaction->Commit(); !status.ok()) return status;
  return more;
}

absl::Status GiveBackInSteps(Database& database) {
  while (true) {
    if (absl::Status status = TruncateLog(database); !status.ok()) return status;
    const absl::StatusOr<int64_t> free = database.QueryInt("PRAGMA freelist_count");
    if (!free.ok()) return free.status();
    if (*free == 0) return absl::OkStatus();
    absl::Status status =
        database.Execute(fmt::format("PRAGMA incremental_vacuum({})", kPagesAStep));
    if (!status.ok()) return status;
    const absl::StatusOr<int64_t> left = database.QueryInt("PRAGMA freelist_count");
    if (!left.ok()) return left.status();
    // Files of before auto_vacuum give nothing back.
    if (*left >= *free) return TruncateLog(database);
  }
}

absl::Status RemoveInSteps(Database& database, int64_t number) {
  // What did not fit is in the log still.
  if (absl::Status status = TruncateLog(database); !status.ok()) return status;
  while (true) {
    const absl::StatusOr<bool> more = RemoveTail(database, number);
    if (!more.ok()) return more.status();
    if (absl::Status status = GiveBackInSteps(database); !status.ok()) return status;
    if (!*more) break;
  }
  if (absl::Status status = RemoveAtOnce(database, std::span(&number, 1)); !status.ok()) {
    return status;
  }
  return GiveBackInSteps(database);
}

}  // namespace

absl::Status LeaveOldBytes(Database& database) {
  return database.Execute("PRAGMA secure_delete = OFF");
}

absl::Status RemoveRuns(Database& database, std::span<const int64_t> numbers) {
  if (absl::Status status = LeaveOldBytes(database); !status.ok()) return status;
  const absl::Status at_once = RemoveAtOnce(database, numbers);
  if (at_once.ok()) return GiveBackSpace(database);
  if (!absl::IsResourceExhausted(at_once)) return at_once;
  for (const int64_t number : numbers) {
    if (absl::Status status = RemoveInSteps(database, number); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status GiveBackSpace(Database& database) {
  const absl::Status status = database.Execute("PRAGMA incremental_vacuum");
  if (status.ok()) return TruncateLog(database);
  return absl::IsResourceExhausted(status) ? GiveBackInSteps(database) : status;
}

std::string ReservePath(const std::string& store_path) { return store_path + ".reserve"; }

void KeepReserve(const std::string& store_path) {
  if (access(store_path.c_str(), F_OK) != 0) return;
  const std::string path = ReservePath(store_path);
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.ok()) return;
  struct statvfs disk = {};
  const bool has_room = fstatvfs(file.get(), &disk) == 0 &&
                        uint64_t{disk.f_bavail} * disk.f_frsize > 2 * kRemovalBytes;
  if (!has_room || posix_fallocate(file.get(), 0, kRemovalBytes) != 0) unlink(path.c_str());
}

OpenedReserve::OpenedReserve(std::string store_path) : store_path_(std::move(store_path)) {
  unlink(ReservePath(store_path_).c_str());
}

}  // namespace synergy
