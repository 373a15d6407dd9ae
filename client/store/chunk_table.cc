#include "client/store/chunk_table.h"

#include <fmt/format.h>

namespace synergy {

absl::StatusOr<Statement> PrepareChunkInsertion(Database& database) {
  return database.Prepare(
      "INSERT INTO chunks (board, run, channel, sequence, seq, count, encoding, crc32c, data) "
      "SELECT board, run, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM runs WHERE run = ?1");
}

absl::Status InsertChunk(Statement& insert, int64_t number, const v1::Chunk& chunk) {
  return insert.Bind(1, number)
      .Bind(2, static_cast<int64_t>(chunk.channel()))
      .Bind(3, static_cast<int64_t>(chunk.first_sequence()))
      .Bind(4, static_cast<int64_t>(chunk.seq()))
      .Bind(5, static_cast<int64_t>(chunk.count()))
      .Bind(6, static_cast<int64_t>(chunk.encoding()))
      .Bind(7, static_cast<int64_t>(chunk.crc32c()))
      .BindBlob(8, chunk.data())
      .Run();
}

absl::Status CompareWithStored(Database& database, int64_t number, const v1::Chunk& chunk) {
  absl::StatusOr<Statement> select = database.Prepare(
      "SELECT 1 FROM chunks JOIN runs USING (board, run) WHERE run = ?1 AND channel = ?2 AND "
      "sequence = ?3 AND seq = ?4 AND count = ?5 AND crc32c = ?6 AND length(data) = ?7");
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> same = select->Bind(1, number)
                                        .Bind(2, static_cast<int64_t>(chunk.channel()))
                                        .Bind(3, static_cast<int64_t>(chunk.first_sequence()))
                                        .Bind(4, static_cast<int64_t>(chunk.seq()))
                                        .Bind(5, static_cast<int64_t>(chunk.count()))
                                        .Bind(6, static_cast<int64_t>(chunk.crc32c()))
                                        .Bind(7, static_cast<int64_t>(chunk.data().size()))
                                        .Step();
  if (!same.ok()) return same.status();
  if (!*same) {
    return absl::DataLossError(
        fmt::format("the board sent chunk {} of run {} again with another content than before. The "
                    "stored one is "
                    "kept; measure again, and report this with the daemon's log.",
                    chunk.seq(), number));
  }
  return absl::OkStatus();
}

absl::Status VisitChunks(Database& database, int64_t number,
                         const std::function<absl::Status(const v1::Chunk&)>& visit) {
  absl::StatusOr<Statement> select = database.Prepare(
      "SELECT c.seq, c.channel, c.sequence, c.count, c.encoding, c.crc32c, c.data "
      "FROM chunks c JOIN runs r USING (board, run) WHERE c.run = ?1 ORDER BY c.seq");
  if (!select.ok()) return select.status();
  select->Bind(1, number);
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    v1::Chunk chunk;
    chunk.set_seq(static_cast<uint64_t>(select->Int(0)));
    chunk.set_channel(static_cast<uint32_t>(select->Int(1)));
    chunk.set_first_sequence(static_cast<uint64_t>(select->Int(2)));
    chunk.set_count(static_cast<uint32_t>(select->Int(3)));
    chunk.set_encoding(static_cast<v1::Encoding>(select->Int(4)));
    chunk.set_crc32c(static_cast<uint32_t>(select->Int(5)));
    chunk.set_data(select->Bytes(6));
    if (absl::Status status = visit(chunk); !status.ok()) return status;
  }
}

}  // namespace synergy
