#include "client/store/truth_store.h"

#include <fmt/format.h>

#include "client/store/removal.h"

namespace synergy {
namespace {

constexpr int32_t kTruthApplicationId = 0x53594E54;  // "SYNT"

constexpr const char* kTruthMigrations[] = {
    R"sql(
CREATE TABLE truths (
  board_id TEXT NOT NULL,
  run_id   TEXT NOT NULL,
  truth    BLOB NOT NULL,     -- a serialized synergy.v1.RunTruth
  PRIMARY KEY (board_id, run_id)
) STRICT;
)sql",
};

}  // namespace

std::string TruthStore::PathBeside(const std::string& store_path) { return store_path + ".truth"; }

absl::StatusOr<std::unique_ptr<TruthStore>> TruthStore::Open(const std::string& store_path,
                                                             StoreAccess access) {
  const DatabaseSchema schema{kTruthApplicationId, "store of simulated truth", kTruthMigrations};
  absl::StatusOr<Database> database = OpenVersioned(PathBeside(store_path), access, schema);
  if (!database.ok()) return database.status();
  return std::unique_ptr<TruthStore>(new TruthStore(*std::move(database)));
}

absl::Status TruthStore::Put(const std::string& board_id, const v1::RunTruth& truth) {
  absl::StatusOr<Statement> put = database_.Prepare(
      "INSERT INTO truths (board_id, run_id, truth) VALUES (?1, ?2, ?3) "
      "ON CONFLICT (board_id, run_id) DO UPDATE SET truth = ?3");
  if (!put.ok()) return put.status();
  const std::string bytes = truth.SerializeAsString();
  return put->Bind(1, board_id).Bind(2, truth.run_id()).BindBlob(3, bytes).Run();
}

absl::StatusOr<v1::RunTruth> TruthStore::Get(const std::string& board_id,
                                             const std::string& run_id) {
  absl::StatusOr<Statement> select =
      database_.Prepare("SELECT truth FROM truths WHERE board_id = ?1 AND run_id = ?2");
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> row = select->Bind(1, board_id).Bind(2, run_id).Step();
  if (!row.ok()) return row.status();
  if (!*row) {
    return absl::NotFoundError(
        fmt::format("no truth of run {} is stored in {}", run_id, database_.path()));
  }
  v1::RunTruth truth;
  if (!truth.ParseFromString(select->Bytes(0))) {
    return absl::DataLossError(
        fmt::format("the truth of run {} in {} is damaged: restore the file from a copy", run_id,
                    database_.path()));
  }
  return truth;
}

absl::StatusOr<bool> TruthStore::Has(const std::string& board_id, const std::string& run_id) {
  absl::StatusOr<Statement> select =
      database_.Prepare("SELECT 1 FROM truths WHERE board_id = ?1 AND run_id = ?2");
  if (!select.ok()) return select.status();
  return select->Bind(1, board_id).Bind(2, run_id).Step();
}

absl::Status TruthStore::Delete(const std::string& board_id, const std::string& run_id) {
  if (absl::Status status = LeaveOldBytes(database_); !status.ok()) return status;
  absl::StatusOr<Statement> remove =
      database_.Prepare("DELETE FROM truths WHERE board_id = ?1 AND run_id = ?2");
  if (!remove.ok()) return remove.status();
  return remove->Bind(1, board_id).Bind(2, run_id).Run();
}

absl::Status TruthStore::GiveBackSpace() { return synergy::GiveBackSpace(database_); }

}  // namespace synergy
