#include "client/commands/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include "client/commands/exit_code.h"
#include "client/commands/output_file.h"
#include "common/files.h"
#include "common/unique_fd.h"

namespace synergy {
namespace {

// A terminal that knows control sequences.
bool IsCapable(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

std::atomic<bool> progress_stands = false;

std::mutex held_mutex;
std::optional<std::string> held;  // what is kept; nothing: it is written

// False: nothing is kept now.
bool Hold(std::string_view text) {
  const std::lock_guard lock(held_mutex);
  if (held) *held += text;
  return held.has_value();
}

bool IsHeld() {
  const std::lock_guard lock(held_mutex);
  return held.has_value();
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

bool StdoutIsRead() {
  pollfd end = {.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&end, 1, 0) < 0 || (end.revents & POLLERR) == 0;
}

void OccupyStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free descriptor is this one. The wrong direction makes its use an error.
    ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

HeldStderr::HeldStderr() {
  const std::lock_guard lock(held_mutex);
  held.emplace();
}

void HeldStderr::Release() {
  std::optional<std::string> text;
  {
    const std::lock_guard lock(held_mutex);
    text.swap(held);
  }
  if (text) WriteStderr(*text);
}

void WriteStderr(std::string_view text) {
  if (Hold(text)) return;
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void WriteProgress(std::string_view text) {
  if (!text.ends_with('\n') && IsHeld()) return;
  progress_stands = !text.ends_with('\n') && text != kTakeLineAway;
  WriteStderr(text);
}

void TakeProgressAway() {
  if (progress_stands.exchange(false)) WriteStderr(kTakeLineAway);
}

absl::Status WriteOutputFile(const std::string& path,
                             std::initializer_list<std::string_view> parts) {
  OutputFile file(path);
  absl::Status status = file.Open();
  for (const std::string_view part : parts) {
    if (status.ok()) status = file.Write(part);
  }
  return status.ok() ? file.Commit() : status;
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

bool StdoutIsTerminal() { return IsCapable(STDOUT_FILENO); }

size_t StderrColumns() { return ColumnsOf(STDERR_FILENO); }

size_t StdoutColumns() { return ColumnsOf(STDOUT_FILENO); }

}  // namespace synergy
