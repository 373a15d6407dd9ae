#include "client/store/meter_table.h"

#include <fmt/format.h>

#include <string>

#include "common/records/chunk.h"

namespace synergy {
namespace {

absl::Status AddBytes(Database& database, int64_t number, int64_t bytes) {
  absl::StatusOr<Statement> update =
      database.Prepare("UPDATE runs SET bytes = bytes + ?2 WHERE run = ?1");
  if (!update.ok()) return update.status();
  if (absl::Status status = update->Bind(1, number).Bind(2, bytes).Run(); !status.ok()) {
    return status;
  }
  if (database.changes() == 1) return absl::OkStatus();
  return absl::NotFoundError(
      fmt::format("the store {} has no run {} any more", database.path(), number));
}

}  // namespace

absl::Status AppendMeterChunks(Database& database, int64_t number,
                               std::span<const v1::Chunk> chunks) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO meter_chunks (board, run, channel, sequence, count, encoding, crc32c, data) "
      "SELECT board, run, ?2, ?3, ?4, ?5, ?6, ?7 FROM runs WHERE run = ?1");
  if (!insert.ok()) return insert.status();
  int64_t bytes = 0;
  for (const v1::Chunk& chunk : chunks) {
    if (absl::Status status = VerifyChunkUntrusted(chunk); !status.ok()) return status;
    const absl::Status inserted = insert->Bind(1, number)
                                      .Bind(2, int64_t{chunk.channel()})
                                      .Bind(3, static_cast<int64_t>(chunk.first_sequence()))
                                      .Bind(4, int64_t{chunk.count()})
                                      .Bind(5, int64_t{chunk.encoding()})
                                      .Bind(6, int64_t{chunk.crc32c()})
                                      .BindBlob(7, chunk.data())
                                      .Run();
    if (!inserted.ok()) return inserted;
    bytes += static_cast<int64_t>(chunk.data().size());
  }
  if (absl::Status added = AddBytes(database, number, bytes); !added.ok()) return added;
  return transaction->Commit();
}

absl::Status PutMeter(Database& database, int64_t number, const v1::MeterRecord& record) {
  const std::string data = record.SerializeAsString();
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<Statement> before = database.Prepare(
      "SELECT coalesce(sum(length(record)), 0) FROM meters JOIN runs USING (board, run) "
      "WHERE run = ?1");
  if (!before.ok()) return before.status();
  const absl::StatusOr<bool> row = before->Bind(1, number).Step();
  if (!row.ok()) return row.status();
  const int64_t replaced = before->Int(0);
  if (absl::Status done = before->Run(); !done.ok()) return done;
  absl::StatusOr<Statement> put = database.Prepare(
      "INSERT OR REPLACE INTO meters (board, run, record) "
      "SELECT board, run, ?2 FROM runs WHERE run = ?1");
  if (!put.ok()) return put.status();
  if (absl::Status status = put->Bind(1, number).BindBlob(2, data).Run(); !status.ok()) {
    return status;
  }
  const absl::Status added =
      AddBytes(database, number, static_cast<int64_t>(data.size()) - replaced);
  return added.ok() ? transaction->Commit() : added;
}

absl::StatusOr<std::optional<v1::MeterRecord>> SelectMeter(Database& database, int64_t number) {
  absl::StatusOr<Statement> select =
      database.Prepare("SELECT record FROM meters JOIN runs USING (board, run) WHERE run = ?1");
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> row = select->Bind(1, number).Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::optional<v1::MeterRecord>();
  std::optional<v1::MeterRecord> record(std::in_place);
  if (record->ParseFromString(select->Bytes(0))) return record;
  return absl::DataLossError(fmt::format(
      "what the store {} has of the meter of run {} is damaged. Restore the store from a copy, or "
      "measure again.",
      database.path(), number));
}

absl::Status VisitMeterChunks(Database& database, int64_t number,
                              const std::function<absl::Status(const v1::Chunk&)>& visit) {
  absl::StatusOr<Statement> select = database.Prepare(
      "SELECT c.channel, c.sequence, c.count, c.encoding, c.crc32c, c.data FROM meter_chunks c "
      "JOIN runs r USING (board, run) WHERE c.run = ?1 ORDER BY c.channel, c.sequence");
  if (!select.ok()) return select.status();
  select->Bind(1, number);
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    v1::Chunk chunk;
    chunk.set_channel(static_cast<uint32_t>(select->Int(0)));
    chunk.set_first_sequence(static_cast<uint64_t>(select->Int(1)));
    chunk.set_count(static_cast<uint32_t>(select->Int(2)));
    chunk.set_encoding(static_cast<v1::Encoding>(select->Int(3)));
    chunk.set_crc32c(static_cast<uint32_t>(select->Int(4)));
    chunk.set_data(select->Bytes(5));
    if (absl::Status status = visit(chunk); !status.ok()) return status;
  }
}

}  // namespace synergy
