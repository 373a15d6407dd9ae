#include "client/store/run_claim.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace synergy {

absl::StatusOr<std::optional<RunClaim>> RunClaim::Take(const std::string& store_path,
                                                       int64_t number) {
  const std::string path = store_path + ".lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        fmt::format("cannot open {}: {}. Make the folder writable, or name another store with "
                    "--store FILE.",
                    path, std::strerror(errno)));
  }
  RunClaim claim(fd);
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = number;
  range.l_len = 1;
  if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return std::optional<RunClaim>(std::move(claim));
  if (errno == EAGAIN || errno == EACCES) return std::optional<RunClaim>();
  return absl::FailedPreconditionError(
      fmt::format("cannot lock {}: {}. Keep the store on a file system that has record locks.",
                  path, std::strerror(errno)));
}

RunClaim::~RunClaim() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace synergy
