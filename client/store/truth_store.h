// What simulated boards told of the truth of their runs, in a database file of its own beside the
// store: nothing that analyses runs opens it. For `--truth` only.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/sqlite.h"
#include "client/store/versioned_database.h"
#include "synergy/v1/device.pb.h"

namespace synergy {

// Errors and threads as in store.h.
class TruthStore {
 public:
  // <store>.truth
  static std::string PathBeside(const std::string& store_path);
  static absl::StatusOr<std::unique_ptr<TruthStore>> Open(const std::string& store_path,
                                                          StoreAccess access);

  // Replaces what is there of the same run. Durable when the call returns.
  absl::Status Put(const std::string& board_id, const v1::RunTruth& truth);
  // NotFound where nothing was stored.
  absl::StatusOr<v1::RunTruth> Get(const std::string& board_id, const std::string& run_id);
  absl::StatusOr<bool> Has(const std::string& board_id, const std::string& run_id);
  absl::Status Delete(const std::string& board_id, const std::string& run_id);
  // Makes the file as small as what is in it, after Delete.
  absl::Status GiveBackSpace();

 private:
  explicit TruthStore(Database database) : database_(std::move(database)) {}

  Database database_;
};

}  // namespace synergy
