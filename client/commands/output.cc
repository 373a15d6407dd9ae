#include "client/commands/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "client/commands/exit_code.h"
#include "common/files.h"
#include "common/unique_fd.h"
#include "fmt/format.h"

namespace synergy {
namespace {

absl::Status WriteParts(int fd, std::initializer_list<std::string_view> parts,
                        const std::string& path) {
  for (const std::string_view part : parts) {
    if (absl::Status status = WriteAll(fd, part, path); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// A device, a pipe, or a link to a file that is not there yet.
absl::Status WriteThrough(const std::string& path, std::initializer_list<std::string_view> parts) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.ok()) return FileError("write", path, errno);
  return WriteParts(fd.get(), parts, path);
}

// A new file beside `path`, of a name that nobody has.
absl::StatusOr<UniqueFd> CreateBeside(const std::string& path, std::string* name) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  for (int i = 0;; ++i) {
    *name = folder / fmt::format(".synergyctl-{}-{}", getpid(), i);
    UniqueFd fd(::open(name->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (fd.ok()) return fd;
    if (errno != EEXIST) return FileError("write", path, errno);
  }
}

absl::Status ReplaceWhole(const std::string& path, std::initializer_list<std::string_view> parts) {
  struct stat existing = {};
  const bool exists = ::stat(path.c_str(), &existing) == 0;
  std::error_code error;
  const bool link = std::filesystem::is_symlink(path, error);
  error.clear();  // nothing there is no error
  if (exists ? !S_ISREG(existing.st_mode) : link) return WriteThrough(path, parts);
  // What a link points at is replaced, not the link.
  const std::string target = exists ? std::filesystem::canonical(path, error).string() : path;
  if (error) return FileError("write", path, error.value());

  std::string name;
  const absl::StatusOr<UniqueFd> fd = CreateBeside(target, &name);
  if (!fd.ok()) return fd.status();
  if (exists) ::fchmod(fd->get(), existing.st_mode & 07777);  // as far as it is permitted
  absl::Status status = WriteParts(fd->get(), parts, path);
  if (status.ok() && ::rename(name.c_str(), target.c_str()) != 0) {
    status = FileError("write", path, errno);
  }
  if (!status.ok()) ::unlink(name.c_str());
  return status;
}

// A terminal that knows control sequences.
bool IsCapable(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

std::atomic<bool> progress_stands = false;

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

void WriteProgress(std::string_view text) {
  progress_stands = !text.ends_with('\n') && text != kTakeLineAway;
  WriteStderr(text);
}

void TakeProgressAway() {
  if (progress_stands.exchange(false)) WriteStderr(kTakeLineAway);
}

absl::Status WriteOutputFile(const std::string& path,
                             std::initializer_list<std::string_view> parts) {
  return Ending(ExitCode::kFailedCheck, ReplaceWhole(path, parts));
}

absl::Status AppendToFile(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  return Ending(ExitCode::kFailedCheck,
                fd.ok() ? WriteAll(fd.get(), text, path) : FileError("write", path, errno));
}

bool StdoutHasColor() {
  const char* no_color = std::getenv("NO_COLOR");
  return IsCapable(STDOUT_FILENO) && (no_color == nullptr || *no_color == '\0');
}

bool StderrIsTerminal() { return IsCapable(STDERR_FILENO); }

size_t StderrColumns() { return ColumnsOf(STDERR_FILENO); }

size_t StdoutColumns() { return ColumnsOf(STDOUT_FILENO); }

}  // namespace synergy
