#include "client/commands/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "client/commands/exit_code.h"
#include "common/files.h"
#include "common/unique_fd.h"

namespace synergy {
namespace {

absl::Status WriteTo(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (fd.get() < 0) return FileError("write", path, errno);
  return WriteAll(fd.get(), text, path);
}

size_t ColumnsOf(int fd) {
  winsize size = {};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

absl::Status WriteStdout(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) return absl::OkStatus();
    if (written < 0) {
      return Ending(ExitCode::kFailedCheck, FileError("write", "the standard output", errno));
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

void OccupyStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free descriptor is this one. The wrong direction makes its use an error.
    ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

void WriteStderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

absl::Status WriteOutputFile(const std::string& path, std::string_view text) {
  struct stat existing = {};
  const bool special = ::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode);
  const std::string target = special ? path : path + ".new";
  absl::Status status = WriteTo(target, text);
  if (status.ok() && !special && ::rename(target.c_str(), path.c_str()) != 0) {
    status = FileError("write", path, errno);
  }
  if (!status.ok() && !special) ::unlink(target.c_str());
  return Ending(ExitCode::kFailedCheck, status);
}

bool StdoutHasColor() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
         term != nullptr && std::string_view(term) != "dumb";
}

bool StderrIsTerminal() { return isatty(STDERR_FILENO) == 1; }

size_t StderrColumns() { return ColumnsOf(STDERR_FILENO); }

size_t StdoutColumns() { return ColumnsOf(STDOUT_FILENO); }

}  // namespace synergy
