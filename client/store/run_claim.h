// Which process is fetching a run: so that a second synergyctl does not take a run that the first
// one is just receiving for one that was left behind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace synergy {

// A record lock in <store>.lock, one byte a run. The kernel lets go of it when the process ends,
// however it ends. Held as long as the object lives.
class RunClaim {
 public:
  // Absent: another process, or another RunClaim of this one, holds the run.
  static absl::StatusOr<std::optional<RunClaim>> Take(const std::string& store_path,
                                                      int64_t number);
  RunClaim(RunClaim&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  RunClaim& operator=(RunClaim&&) = delete;
  ~RunClaim();

 private:
  explicit RunClaim(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace synergy
