// The store's tables of sweeps: a job file's jobs on one board, and the attempts at each of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/sqlite.h"

namespace synergy {

// SHA-256 in hexadecimal digits, by absolute path.
using FileHashes = std::map<std::string, std::string>;

struct StoredSweep {
  int64_t sweep = 0;  // short, for people; of this store
  std::string board_id;
  std::string name;
  std::string digest;  // of the plan
  int64_t jobs = 0;
  int64_t created_unix_ns = 0;
  FileHashes files = {};  // of networks and inputs, when it was planned; empty also of older stores
};

// Numbers are stored: never changed.
enum class AttemptOutcome : int {
  kOpen = 0,         // to be sent, or on the board
  kDone = 1,         // whatever its verdict
  kFailed = 2,       // by itself
  kInterrupted = 3,  // the board or its daemon went down, or its records are lost
  kCancelled = 4,
};

struct StoredAttempt {
  int64_t job = 0;                  // its place in the plan
  int64_t attempt = 1;              // from 1
  std::string token;                // JobSpec.token
  std::optional<int64_t> run = {};  // once the board has taken it
  AttemptOutcome outcome = AttemptOutcome::kOpen;
};

enum class OpenSweep { kTakeUp, kFinish };
// The newest sweep of this board and plan that is not finished, or `wanted` as a new one. With
// kFinish those that are not finished are from now on, and it is a new one.
absl::StatusOr<StoredSweep> TakeUpSweep(Database& database, const StoredSweep& wanted,
                                        OpenSweep open);
absl::Status FinishSweep(Database& database, int64_t sweep);

// By job and attempt.
absl::StatusOr<std::vector<StoredAttempt>> SelectAttempts(Database& database, int64_t sweep);
absl::Status InsertAttempt(Database& database, int64_t sweep, const StoredAttempt& attempt);
absl::Status UpdateOutcome(Database& database, const std::string& token, AttemptOutcome outcome);
// The board has taken the attempt of this token: it is this run. Nothing happens where the token is
// none of a sweep's.
absl::Status EnterAttempt(Database& database, const std::string& token, int64_t run);

}  // namespace synergy
