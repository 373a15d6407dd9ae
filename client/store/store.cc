#include "client/store/store.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "client/store/chunk_table.h"
#include "client/store/meter_table.h"
#include "client/store/removal.h"
#include "client/store/store_schema.h"
#include "client/store/sweep_table.h"
#include "client/store/tag_table.h"
#include "common/records/chunk.h"

namespace synergy {
namespace {

constexpr std::string_view kSelectRuns = R"sql(
SELECT r.run, r.run_id, b.board_id, b.name, b.title, r.net, r.engine, r.simulated, r.has_truth,
       r.submitted_unix_ns, r.started_unix_ns, r.state, r.error, r.next_seq, r.acknowledged_seq,
       r.complete, r.abandoned, r.bytes, r.interrupted,
       (SELECT group_concat(tag, ' ') FROM (SELECT tag FROM tags t WHERE t.run = r.run ORDER BY tag))
FROM runs r JOIN boards b USING (board)
WHERE (?1 IS NULL OR r.run = ?1) AND (?2 IS NULL OR b.board_id = ?2)
ORDER BY r.run
)sql";

StoredRun RunOfRow(const Statement& row) {
  StoredRun run;
  run.number = row.Int(0);
  run.run_id = row.Bytes(1);
  run.board_id = row.Bytes(2);
  run.board_name = row.Bytes(3);
  run.board_title = row.Bytes(4);
  run.net = row.Bytes(5);
  run.engine = row.Bytes(6);
  run.simulated = row.Int(7) != 0;
  run.has_truth = row.Int(8) != 0;
  run.submitted_unix_ns = row.Int(9);
  if (!row.IsNull(10)) run.started_unix_ns = row.Int(10);
  // A state that a newer daemon knows and we do not is kept as it is: enums are open in proto3.
  run.state = static_cast<v1::JobState>(row.Int(11));
  run.error = row.Bytes(12);
  run.next_seq = static_cast<uint64_t>(row.Int(13));
  run.acknowledged_seq = static_cast<uint64_t>(row.Int(14));
  run.complete = row.Int(15) != 0;
  run.abandoned = row.Int(16) != 0;
  run.bytes = static_cast<uint64_t>(row.Int(17));
  run.interrupted = row.Int(18) != 0;
  if (!row.IsNull(19)) run.tags = absl::StrSplit(row.Bytes(19), ' ');  // none has a blank in it
  return run;
}

// What a chunk of run records says about its run.
absl::Status ApplyRecords(const v1::Chunk& chunk, StoredRun* run) {
  const auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
  if (!records.ok()) return records.status();
  for (const v1::RunRecord& record : *records) {
    if (record.has_header()) {
      run->started_unix_ns = record.header().wall_time_unix_ns();
      run->engine = record.header().job().engine();
      run->state = v1::JOB_STATE_RUNNING;  // as far as the records tell
    } else if (record.has_end()) {
      run->state = record.end().state();
      run->error = record.end().error();
      run->complete = true;
      run->abandoned = false;
      run->interrupted = record.end().interrupted();
    }
  }
  return absl::OkStatus();
}

// Runs a statement over a board's run that returns its number, or no row.
absl::StatusOr<std::optional<int64_t>> StepForNumber(Database& database, std::string_view sql,
                                                     const v1::BoardInfo& board,
                                                     const v1::JobStatus& status) {
  absl::StatusOr<Statement> statement = database.Prepare(sql);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Bind(1, board.board_id())
                                       .Bind(2, status.run_id())
                                       .Bind(3, status.spec().net_name())
                                       .Bind(4, status.spec().engine())
                                       .Bind(5, status.submitted_unix_ns())
                                       .Bind(6, int64_t{status.state()})
                                       .Bind(7, status.error())
                                       .Bind(8, int64_t{status.has_truth()})
                                       .Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::optional<int64_t>();
  const int64_t number = statement->Int(0);
  if (absl::Status done = statement->Run(); !done.ok()) return done;
  return std::optional<int64_t>(number);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path, StoreAccess access) {
  const DatabaseSchema schema{kStoreApplicationId, "store", kStoreMigrations};
  absl::StatusOr<Database> database = OpenVersioned(path, access, schema);
  if (!database.ok()) return database.status();
  return std::unique_ptr<Store>(new Store(*std::move(database)));
}

absl::Status Store::AddSubmission(const std::string& board_id, const Submission& submission) {
  return InsertSubmission(database_, board_id, submission);
}

absl::StatusOr<std::vector<Submission>> Store::Submissions(const std::string& board_id) {
  return SelectSubmissions(database_, board_id);
}

absl::Status Store::RemoveSubmission(const std::string& board_id, const std::string& token) {
  return DeleteSubmission(database_, board_id, token);
}

absl::StatusOr<int64_t> Store::PutRun(const v1::BoardInfo& board, const v1::JobStatus& status) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database_);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<Statement> put_board = database_.Prepare(
      "INSERT INTO boards (board_id, name, title, simulated) VALUES (?1, ?2, ?3, ?4) "
      "ON CONFLICT (board_id) DO UPDATE SET name = ?2, title = ?3, simulated = ?4");
  if (!put_board.ok()) return put_board.status();
  absl::Status put = put_board->Bind(1, board.board_id())
                         .Bind(2, board.name())
                         .Bind(3, board.title())
                         .Bind(4, int64_t{board.simulated()})
                         .Run();
  if (!put.ok()) return put;
  // What the RunEnd record said stands; a late status does not take it back.
  absl::StatusOr<std::optional<int64_t>> number = StepForNumber(
      database_,
      "UPDATE runs SET has_truth = max(has_truth, ?8), state = iif(complete, state, ?6), "
      "error = iif(complete, error, ?7) "
      "WHERE run_id = ?2 AND board = (SELECT board FROM boards WHERE board_id = ?1) RETURNING run",
      board, status);
  // No upsert: that would use up a number at each call.
  if (number.ok() && !*number) {
    number = StepForNumber(
        database_,
        "INSERT INTO runs (board, run_id, net, engine, submitted_unix_ns, state, error, simulated, "
        "has_truth) "
        "SELECT board, ?2, ?3, ?4, ?5, ?6, ?7, simulated, ?8 FROM boards WHERE board_id = ?1 "
        "RETURNING run",
        board, status);
  }
  if (!number.ok()) return number.status();
  if (!*number) return absl::InternalError("entering a run gave no number");
  if (!status.spec().token().empty()) {
    const absl::Status removed =
        DeleteSubmission(database_, board.board_id(), status.spec().token());
    if (!removed.ok()) return removed;
    const absl::Status entered = EnterAttempt(database_, status.spec().token(), **number);
    if (!entered.ok()) return entered;
  }
  if (absl::Status committed = transaction->Commit(); !committed.ok()) return committed;
  return **number;
}

absl::StatusOr<std::vector<StoredRun>> Store::Select(std::optional<int64_t> number,
                                                     std::optional<std::string> board_id) {
  absl::StatusOr<Statement> select = database_.Prepare(kSelectRuns);
  if (!select.ok()) return select.status();
  if (number) select->Bind(1, *number);
  if (board_id) select->Bind(2, *board_id);
  std::vector<StoredRun> runs;
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return runs;
    runs.push_back(RunOfRow(*select));
  }
}

absl::StatusOr<std::vector<StoredRun>> Store::Runs() { return Select(std::nullopt, std::nullopt); }

absl::StatusOr<StoredRun> Store::Run(int64_t number) {
  absl::StatusOr<std::vector<StoredRun>> runs = Select(number, std::nullopt);
  if (!runs.ok()) return runs.status();
  if (runs->empty()) {
    return absl::NotFoundError(fmt::format(
        "the store {} has no run {}. synergyctl runs lists those that it has.", path(), number));
  }
  return runs->front();
}

absl::StatusOr<std::vector<StoredRun>> Store::UnfinishedRuns(const std::string& board_id) {
  absl::StatusOr<std::vector<StoredRun>> runs = Select(std::nullopt, board_id);
  if (runs.ok()) std::erase_if(*runs, [](const StoredRun& run) { return !run.unfinished(); });
  return runs;
}

absl::Status Store::UpdateIndex(const StoredRun& run) {
  absl::StatusOr<Statement> update = database_.Prepare(
      "UPDATE runs SET started_unix_ns = ?2, engine = ?3, state = ?4, error = ?5, next_seq = ?6, "
      "complete = ?7, abandoned = ?8, bytes = ?9, interrupted = ?10 WHERE run = ?1");
  if (!update.ok()) return update.status();
  update->Bind(1, run.number);
  if (run.started_unix_ns) update->Bind(2, *run.started_unix_ns);
  return update->Bind(3, run.engine)
      .Bind(4, int64_t{run.state})
      .Bind(5, run.error)
      .Bind(6, static_cast<int64_t>(run.next_seq))
      .Bind(7, int64_t{run.complete})
      .Bind(8, int64_t{run.abandoned})
      .Bind(9, static_cast<int64_t>(run.bytes))
      .Bind(10, int64_t{run.interrupted})
      .Run();
}

absl::Status Store::AppendChunks(int64_t number, std::span<const v1::Chunk> chunks) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database_);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<StoredRun> run = Run(number);
  if (!run.ok()) return run.status();
  absl::StatusOr<Statement> insert = PrepareChunkInsertion(database_);
  if (!insert.ok()) return insert.status();
  for (const v1::Chunk& chunk : chunks) {
    absl::Status status = VerifyChunkUntrusted(chunk);
    if (!status.ok()) return status;
    if (chunk.seq() > run->next_seq) {
      return absl::DataLossError(
          fmt::format("run {}: chunk {} came where chunk {} was due. What is stored so far is "
                      "whole; synergyctl "
                      "fetch asks the board for the rest.",
                      number, chunk.seq(), run->next_seq));
    }
    if (chunk.seq() < run->next_seq) {
      if (status = CompareWithStored(database_, number, chunk); !status.ok()) return status;
      continue;
    }
    if (run->complete) {
      return absl::DataLossError(
          fmt::format("run {}: chunk {} came after the end of the run", number, chunk.seq()));
    }
    if (chunk.channel() == kRunRecordsChannel) {
      if (status = ApplyRecords(chunk, &*run); !status.ok()) return status;
    }
    if (status = InsertChunk(*insert, number, chunk); !status.ok()) return status;
    run->next_seq = chunk.seq() + 1;
    run->bytes += chunk.data().size();
  }
  if (absl::Status status = UpdateIndex(*run); !status.ok()) return status;
  return transaction->Commit();
}

absl::Status Store::SetAcknowledged(int64_t number, uint64_t next_seq) {
  absl::StatusOr<Statement> update = database_.Prepare(
      "UPDATE runs SET acknowledged_seq = max(acknowledged_seq, ?2) WHERE run = ?1");
  if (!update.ok()) return update.status();
  return update->Bind(1, number).Bind(2, static_cast<int64_t>(next_seq)).Run();
}

absl::Status Store::SetAbandoned(int64_t number, const std::string& why) {
  absl::StatusOr<Statement> update = database_.Prepare(
      "UPDATE runs SET abandoned = 1, error = ?2 WHERE run = ?1 AND NOT complete");
  if (!update.ok()) return update.status();
  return update->Bind(1, number).Bind(2, why).Run();
}

absl::Status Store::ForEachChunk(int64_t number,
                                 const std::function<absl::Status(const v1::Chunk&)>& visit) {
  return VisitChunks(database_, number, visit);
}

absl::Status Store::AppendMeterChunks(int64_t number, std::span<const v1::Chunk> chunks) {
  return synergy::AppendMeterChunks(database_, number, chunks);
}

absl::Status Store::PutMeter(int64_t number, const v1::MeterRecord& record) {
  return synergy::PutMeter(database_, number, record);
}

absl::StatusOr<std::optional<v1::MeterRecord>> Store::Meter(int64_t number) {
  return SelectMeter(database_, number);
}

absl::Status Store::ForEachMeterChunk(int64_t number,
                                      const std::function<absl::Status(const v1::Chunk&)>& visit) {
  return VisitMeterChunks(database_, number, visit);
}

absl::Status Store::AddTag(const std::string& tag, int64_t number) {
  return InsertTag(database_, tag, number);
}

absl::Status Store::SetTag(const std::string& tag, int64_t number) {
  return MoveTag(database_, tag, number);
}

absl::Status Store::RemoveTag(const std::string& tag, std::optional<int64_t> number) {
  return DeleteTag(database_, tag, number);
}

absl::StatusOr<StoredSweep> Store::TakeUpSweep(const StoredSweep& wanted, OpenSweep open) {
  return synergy::TakeUpSweep(database_, wanted, open);
}

absl::Status Store::FinishSweep(int64_t sweep) { return synergy::FinishSweep(database_, sweep); }

absl::StatusOr<std::vector<StoredAttempt>> Store::Attempts(int64_t sweep) {
  return SelectAttempts(database_, sweep);
}

absl::Status Store::AddAttempt(int64_t sweep, const StoredAttempt& attempt) {
  return InsertAttempt(database_, sweep, attempt);
}

absl::Status Store::SetOutcome(const std::string& token, AttemptOutcome outcome) {
  return UpdateOutcome(database_, token, outcome);
}

absl::Status Store::Delete(std::span<const int64_t> numbers) {
  return RemoveRuns(database_, numbers);
}

absl::Status Store::ForgetNumber(int64_t number) {
  absl::StatusOr<Statement> forget = database_.Prepare(
      "UPDATE sqlite_sequence SET seq = ?1 - 1 WHERE name = 'runs' AND seq = ?1 "
      "AND NOT EXISTS (SELECT 1 FROM runs WHERE run = ?1)");
  if (!forget.ok()) return forget.status();
  return forget->Bind(1, number).Run();
}

}  // namespace synergy
