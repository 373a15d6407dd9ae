#include "client/store/sweep_table.h"

#include <utility>

namespace synergy {

namespace {

absl::StatusOr<FileHashes> SelectFiles(Database& database, int64_t sweep) {
  absl::StatusOr<Statement> select =
      database.Prepare("SELECT path, sha256 FROM sweep_files WHERE sweep = ?1");
  if (!select.ok()) return select.status();
  select->Bind(1, sweep);
  FileHashes files;
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return files;
    files[select->Bytes(0)] = select->Bytes(1);
  }
}

absl::StatusOr<std::optional<StoredSweep>> SelectUnfinished(Database& database,
                                                            const StoredSweep& wanted) {
  absl::StatusOr<Statement> select = database.Prepare(
      "SELECT sweep, created_unix_ns FROM sweeps WHERE board_id = ?1 AND digest = ?2 "
      "AND NOT finished ORDER BY sweep DESC LIMIT 1");
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> found = select->Bind(1, wanted.board_id).Bind(2, wanted.digest).Step();
  if (!found.ok()) return found.status();
  if (!*found) return std::nullopt;
  StoredSweep sweep = wanted;
  sweep.sweep = select->Int(0);
  sweep.created_unix_ns = select->Int(1);
  absl::StatusOr<FileHashes> files = SelectFiles(database, sweep.sweep);
  if (!files.ok()) return files.status();
  sweep.files = *std::move(files);
  return sweep;
}

absl::Status FinishAll(Database& database, const StoredSweep& like) {
  absl::StatusOr<Statement> update =
      database.Prepare("UPDATE sweeps SET finished = 1 WHERE board_id = ?1 AND digest = ?2");
  if (!update.ok()) return update.status();
  return update->Bind(1, like.board_id).Bind(2, like.digest).Run();
}

// Its number.
absl::StatusOr<int64_t> InsertSweep(Database& database, const StoredSweep& sweep) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO sweeps (board_id, name, digest, jobs, created_unix_ns) "
      "VALUES (?1, ?2, ?3, ?4, ?5)");
  if (!insert.ok()) return insert.status();
  absl::Status inserted = insert->Bind(1, sweep.board_id)
                              .Bind(2, sweep.name)
                              .Bind(3, sweep.digest)
                              .Bind(4, sweep.jobs)
                              .Bind(5, sweep.created_unix_ns)
                              .Run();
  const int64_t number = database.last_insert_rowid();
  for (auto file = sweep.files.begin(); file != sweep.files.end() && inserted.ok(); ++file) {
    absl::StatusOr<Statement> insert_file =
        database.Prepare("INSERT INTO sweep_files (sweep, path, sha256) VALUES (?1, ?2, ?3)");
    if (!insert_file.ok()) return insert_file.status();
    inserted = insert_file->Bind(1, number).Bind(2, file->first).Bind(3, file->second).Run();
  }
  if (!inserted.ok()) return inserted;
  return number;
}

}  // namespace

absl::StatusOr<StoredSweep> TakeUpSweep(Database& database, const StoredSweep& wanted,
                                        OpenSweep open) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  if (open == OpenSweep::kFinish) {
    if (absl::Status status = FinishAll(database, wanted); !status.ok()) return status;
  }
  absl::StatusOr<std::optional<StoredSweep>> found = SelectUnfinished(database, wanted);
  if (!found.ok()) return found.status();
  if (*found) return **std::move(found);
  StoredSweep sweep = wanted;
  const absl::StatusOr<int64_t> number = InsertSweep(database, sweep);
  if (!number.ok()) return number.status();
  sweep.sweep = *number;
  if (absl::Status committed = transaction->Commit(); !committed.ok()) return committed;
  return sweep;
}

absl::Status FinishSweep(Database& database, int64_t sweep) {
  absl::StatusOr<Statement> update =
      database.Prepare("UPDATE sweeps SET finished = 1 WHERE sweep = ?1");
  if (!update.ok()) return update.status();
  return update->Bind(1, sweep).Run();
}

absl::StatusOr<std::vector<StoredAttempt>> SelectAttempts(Database& database, int64_t sweep) {
  absl::StatusOr<Statement> select = database.Prepare(
      "SELECT job, attempt, token, run, outcome FROM attempts WHERE sweep = ?1 "
      "ORDER BY job, attempt");
  if (!select.ok()) return select.status();
  select->Bind(1, sweep);
  std::vector<StoredAttempt> attempts;
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return attempts;
    StoredAttempt& attempt = attempts.emplace_back();
    attempt.job = select->Int(0);
    attempt.attempt = select->Int(1);
    attempt.token = select->Bytes(2);
    if (!select->IsNull(3)) attempt.run = select->Int(3);
    attempt.outcome = static_cast<AttemptOutcome>(select->Int(4));
  }
}

absl::Status InsertAttempt(Database& database, int64_t sweep, const StoredAttempt& attempt) {
  absl::StatusOr<Statement> insert =
      database.Prepare("INSERT INTO attempts (sweep, job, attempt, token) VALUES (?1, ?2, ?3, ?4)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(1, sweep)
      .Bind(2, attempt.job)
      .Bind(3, attempt.attempt)
      .Bind(4, attempt.token)
      .Run();
}

absl::Status UpdateOutcome(Database& database, const std::string& token, AttemptOutcome outcome) {
  absl::StatusOr<Statement> update =
      database.Prepare("UPDATE attempts SET outcome = ?2 WHERE token = ?1");
  if (!update.ok()) return update.status();
  return update->Bind(1, token).Bind(2, static_cast<int64_t>(outcome)).Run();
}

absl::Status EnterAttempt(Database& database, const std::string& token, int64_t run) {
  absl::StatusOr<Statement> update =
      database.Prepare("UPDATE attempts SET run = ?2 WHERE token = ?1");
  if (!update.ok()) return update.status();
  return update->Bind(1, token).Bind(2, run).Run();
}

}  // namespace synergy
