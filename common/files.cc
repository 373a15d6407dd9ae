#include "common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace synergy {

absl::Status FileError(std::string_view what, std::string_view path, int error) {
  const std::string text = fmt::format("{} {}: {}", what, path, strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(
          fmt::format("{} {}: no space left ({}); free some there", what, path, strerror(error)));
    case EROFS:
      return absl::PermissionDeniedError(
          fmt::format("{}; choose a folder on a disk that can be written", text));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::StatusOr<UniqueFd> OpenForReading(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.ok()) return FileError("Opening", path, errno);
  return fd;
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  absl::StatusOr<UniqueFd> fd = OpenForReading(path);
  if (!fd.ok()) return fd.status();
  std::string data;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd->get(), buffer, sizeof(buffer));
    if (n == 0) return data;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("Reading", path, errno);
    data.append(buffer, static_cast<size_t>(n));
    if (data.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          fmt::format("Reading {}: it is longer than {} bytes", path, max_bytes));
    }
  }
}

absl::Status WriteAll(int fd, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t n = write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("Writing", path, errno);
    data.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status SyncPath(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return FileError("Opening", path, errno);
  if (fsync(fd.get()) != 0) return FileError("Syncing", path, errno);
  return absl::OkStatus();
}

absl::Status ReplaceFile(const std::string& path, std::string_view data, Sync sync) {
  const std::string temporary = path + ".new";
  const auto fail = [&](absl::Status status) {
    unlink(temporary.c_str());  // best effort: the next ReplaceFile overwrites it
    return status;
  };
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return FileError("Creating", temporary, errno);
  if (absl::Status status = WriteAll(fd.get(), data, temporary); !status.ok()) return fail(status);
  if (sync == Sync::kYes && fsync(fd.get()) != 0) {
    return fail(FileError("Syncing", temporary, errno));
  }
  fd.reset();
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return fail(FileError("Renaming to", path, errno));
  }
  if (sync == Sync::kNo) return absl::OkStatus();
  const size_t slash = path.rfind('/');
  return SyncPath(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

absl::Status MakeFolder(const std::string& path, unsigned mode) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const bool last = end == std::string::npos || end + 1 == path.size();
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), last ? mode : 0755) != 0 && errno != EEXIST) {
      return FileError("Creating the folder", part, errno);
    }
    if (last) break;
  }
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return FileError("Looking at", path, errno);
  if (!S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("{} is no folder", path));
  }
  return absl::OkStatus();
}

}  // namespace synergy
