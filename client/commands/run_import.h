// A run that enters the store from files, not from a board.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/run_claim.h"
#include "client/store/store.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// One thread uses it at a time.
class RunImport {
 public:
  // What to do where the store has a beginning of this run.
  enum class Beginning {
    kReplace,  // an import that was cut off: all of it comes again
    kGoOn,     // a run whose board did not send all: chunks that are here are compared
  };
  // Opens or creates the store. kRefused where it has the whole run, or another process is at it.
  static absl::StatusOr<RunImport> Begin(const std::string& store_option,
                                         const v1::BoardInfo& board, const v1::JobStatus& status,
                                         Beginning beginning, std::stop_token stop);

  // Stored in batches. Cancelled once `stop` was requested.
  absl::Status Add(v1::Chunk chunk);
  // Stores what is left. Without an end record among the chunks the run stays incomplete for the
  // reason `why_incomplete`.
  absl::Status Finish(const std::string& why_incomplete);
  // Takes back all that Begin and Add have stored; a run that was begun before stays as it is.
  void Discard();

  Store& store() { return *store_; }
  int64_t number() const { return number_; }

 private:
  RunImport(std::unique_ptr<Store> store, std::stop_token stop)
      : store_(std::move(store)), stop_(std::move(stop)) {}
  // Makes it a run of the store that no other process is at.
  absl::Status Enter(const v1::BoardInfo& board, const v1::JobStatus& status);
  absl::Status Commit();

  std::unique_ptr<Store> store_;
  std::stop_token stop_;
  std::optional<RunClaim> claim_;
  int64_t number_ = 0;
  bool is_new_ = true;           // nothing of it was here before
  bool board_has_more_ = false;  // which is still to be asked, and told
  std::vector<v1::Chunk> batch_;
  size_t batch_bytes_ = 0;
};

}  // namespace synergy
