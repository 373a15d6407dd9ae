// A file that one holder at a time has locked (flock).
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

// Held until its process's end or this object's, also where a process is just being spawned then,
// which has copies of all descriptors until it executes its program. Move-only.
class FileLock {
 public:
  // Makes the file (mode 0600). Nothing: another one holds it.
  static absl::StatusOr<std::optional<FileLock>> TryTake(const std::string& path);

  FileLock(FileLock&&) = default;
  FileLock& operator=(FileLock&& other) noexcept {
    const FileLock ended = std::move(*this);
    fd_ = std::move(other.fd_);
    return *this;
  }
  ~FileLock();

  int fd() const { return fd_.get(); }  // for reading and writing

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace synergy
