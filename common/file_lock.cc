#include "common/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "common/files.h"

namespace synergy {

absl::StatusOr<std::optional<FileLock>> FileLock::TryTake(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return FileError("Opening", path, errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno != EWOULDBLOCK) return FileError("Locking", path, errno);
  return std::nullopt;
}

FileLock::~FileLock() {
  // Closing would not do while there are copies.
  if (fd_.ok()) flock(fd_.get(), LOCK_UN);
}

}  // namespace synergy
