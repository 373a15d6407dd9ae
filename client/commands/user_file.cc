#include "client/commands/user_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "client/commands/exit_code.h"
#include "common/files.h"

namespace synergy {
namespace {

absl::Status Wrong(const std::string& path, const std::string& what) {
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format("read {}: {}", path, what)));
}

// In one piece: a file that grows by steps would be twice in memory while it is copied.
absl::StatusOr<std::string> ReadAll(int fd, const std::string& path, uint64_t size) {
  std::string data(size, '\0');
  size_t at = 0;
  while (at < size) {
    const ssize_t n = read(fd, data.data() + at, size - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Ending(ExitCode::kUsage, FileError("read", path, errno));
    if (n == 0) return Wrong(path, "it became shorter while it was read");
    at += static_cast<size_t>(n);
  }
  return data;
}

}  // namespace

absl::StatusOr<std::string> ReadUserFile(const std::string& path, uint64_t max_bytes) {
  // A pipe without a writer must not hold us up.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return Ending(ExitCode::kUsage, FileError("read", path, errno));
  struct stat file {};
  if (fstat(fd.get(), &file) != 0) {
    return Ending(ExitCode::kUsage, FileError("read", path, errno));
  }
  if (S_ISDIR(file.st_mode)) return Wrong(path, "it is a folder; name the file in it");
  if (!S_ISREG(file.st_mode)) return Wrong(path, "it is no regular file");
  if (file.st_size == 0) return Wrong(path, "it is empty");
  if (static_cast<uint64_t>(file.st_size) > max_bytes) {
    return Wrong(path,
                 fmt::format("it has {} bytes, at most {} are read", file.st_size, max_bytes));
  }
  return ReadAll(fd.get(), path, static_cast<uint64_t>(file.st_size));
}

absl::Status AboutFile(const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  return Ending(
      ExitCode::kUsage,
      absl::Status(status.code(), fmt::format("{}: {}", path, std::string(status.message()))));
}

bool HasSuffix(std::string_view path, std::string_view suffix) {
  if (path.size() < suffix.size()) return false;
  path.remove_prefix(path.size() - suffix.size());
  return std::equal(path.begin(), path.end(), suffix.begin(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

absl::Status CheckOutputPath(const std::string& path) {
  const auto refuse = [&](const std::string& what) {
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(fmt::format("write {}: {}", path, what)));
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return refuse("it is a folder");
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    return refuse("its folder does not exist; make it first");
  }
  // A plain file is replaced by a new one, others are written to.
  const bool special = std::filesystem::is_other(path, error);
  const std::string target = special ? path : folder.empty() ? "." : folder.string();
  if (access(target.c_str(), W_OK) != 0) {
    return refuse(fmt::format("{}: {}; name another file", target, std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status RemoveOldOutput(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(path, error);  // of a link
  if (error || !std::filesystem::is_regular_file(target, error)) return absl::OkStatus();
  if (std::filesystem::remove(target, error) || !error) return absl::OkStatus();
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format("remove the old {}: {}; name another file",
                                                       path, error.message())));
}

}  // namespace synergy
