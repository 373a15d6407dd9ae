// Ownership of a file descriptor.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace synergy {

// Closes its descriptor when it goes. Move-only; holds -1 when empty.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  // Gives the descriptor to the caller.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  // Leaves errno as it is, so that it may come between a failed call and its report.
  void reset(int fd = -1) {
    const int kept = errno;
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
    errno = kept;
  }

 private:
  int fd_ = -1;
};

}  // namespace synergy
