#include "client/store/run_claim.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "common/records/chunk.h"

namespace synergy {
namespace {

// Beyond the bytes of the runs: no store has so many.
constexpr int64_t kFirstSubmissionByte = int64_t{1} << 40;

}  // namespace

absl::StatusOr<std::optional<RunClaim>> RunClaim::Take(const std::string& store_path,
                                                       int64_t number) {
  return Lock(store_path, number);
}

absl::StatusOr<std::optional<RunClaim>> RunClaim::TakeSubmission(const std::string& store_path,
                                                                 const std::string& token) {
  return Lock(store_path, kFirstSubmissionByte + int64_t{Crc32c(token)});
}

absl::StatusOr<std::optional<RunClaim>> RunClaim::Lock(const std::string& store_path,
                                                       int64_t byte) {
  const std::string path = store_path + ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.ok()) {
    return absl::FailedPreconditionError(
        fmt::format("cannot open {}: {}. Make the folder writable, or name another store with "
                    "--store FILE.",
                    path, std::strerror(errno)));
  }
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  if (::fcntl(fd.get(), F_OFD_SETLK, &range) == 0) return RunClaim(std::move(fd));
  if (errno == EAGAIN || errno == EACCES) return std::optional<RunClaim>();
  return absl::FailedPreconditionError(
      fmt::format("cannot lock {}: {}. Keep the store on a file system that has record locks.",
                  path, std::strerror(errno)));
}

}  // namespace synergy
