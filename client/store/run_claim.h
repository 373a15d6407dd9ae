// Which process is fetching a run or submitting a job: so that a second synergyctl does not take
// what the first one is just at for something that was left behind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

// A record lock in <store>.lock, one byte a run or submission. The kernel lets go of it when the
// process ends, however it ends. Held as long as the object lives.
class RunClaim {
 public:
  // Absent: another process, or another RunClaim of this one, holds the run.
  static absl::StatusOr<std::optional<RunClaim>> Take(const std::string& store_path,
                                                      int64_t number);
  // The same for a submission. Of two with different tokens one may, very rarely, keep the other.
  static absl::StatusOr<std::optional<RunClaim>> TakeSubmission(const std::string& store_path,
                                                                const std::string& token);
  RunClaim(RunClaim&&) = default;
  RunClaim& operator=(RunClaim&&) = delete;

 private:
  static absl::StatusOr<std::optional<RunClaim>> Lock(const std::string& store_path, int64_t byte);
  explicit RunClaim(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace synergy
