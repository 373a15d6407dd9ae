// The store's table of jobs that were sent to a board and are no run of the store yet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/sqlite.h"

namespace synergy {

struct Submission {
  std::string token;            // JobSpec.token
  int64_t created_unix_ns = 0;  // the host's wall time
};

// Oldest first.
absl::StatusOr<std::vector<Submission>> SelectSubmissions(Database& database,
                                                          const std::string& board_id);
// Nothing happens where it is there already; an error where the token is another board's. A
// transaction of its own where none is open.
absl::Status InsertSubmission(Database& database, const std::string& board_id,
                              const Submission& submission);
// Nothing happens where there is none.
absl::Status DeleteSubmission(Database& database, const std::string& board_id,
                              const std::string& token);

}  // namespace synergy
