#include "client/commands/live_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/files.h"

namespace synergy {
namespace {

// The alternate screen, and no cursor; the reverse, with the ink that a shell expects.
constexpr const char* kBegin = "\x1b[?1049h\x1b[?25l";
constexpr const char* kEnd = "\x1b[m\x1b[?25h\x1b[?1049l";
constexpr Nanoseconds kEndPatience = Milliseconds(200);

}  // namespace

absl::Status LiveTerminal::Open() {
  fd_ = UniqueFd(::open("/proc/self/fd/1", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  // After su the terminal is somebody else's, but still the one that controls this process.
  if (!fd_.ok()) fd_ = UniqueFd(::open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  termios now = {};
  if (!fd_.ok() || tcgetattr(fd_.get(), &now) != 0) {
    return FileError("open", "the terminal", errno);
  }
  before_ = now;
  now.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
  now.c_cc[VMIN] = 0;
  now.c_cc[VTIME] = 0;
  // Stopped, or dumping its core, it would leave its screen behind.
  now.c_cc[VSUSP] = _POSIX_VDISABLE;
  now.c_cc[VQUIT] = _POSIX_VDISABLE;
  tcsetattr(fd_.get(), TCSANOW, &now);
  pending_ = kBegin;
  Flush();
  return absl::OkStatus();
}

void LiveTerminal::Restore() {
  if (!before_) return;
  // What is left of a frame ends somewhere in a sequence: CAN ends that.
  pending_ = (pending_.empty() ? "" : "\x18") + std::string(kEnd);
  if (!FlushFor(kEndPatience) && !gone_) {
    // It was stopped, by Ctrl-S or because nobody reads it: what it has not taken is thrown away.
    // A stop that no program has asked for ends with one that a program has asked for.
    tcflow(fd_.get(), TCOOFF);
    tcflow(fd_.get(), TCOON);
    tcflush(fd_.get(), TCOFLUSH);
    pending_ = "\x18" + std::string(kEnd);
    FlushFor(kEndPatience);
  }
  tcsetattr(fd_.get(), TCSANOW, &*before_);
  before_.reset();
}

LiveTerminal::Size LiveTerminal::size() const {
  winsize size = {};
  if (::ioctl(fd_.get(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    return {80, 24};
  }
  return {size.ws_col, size.ws_row};
}

void LiveTerminal::Show(const Canvas& canvas) {
  if (!Flush()) {
    ++skipped_;
    return;
  }
  pending_ = Changes(shown_, canvas, look_);
  shown_ = canvas;
  Flush();
}

bool LiveTerminal::Flush() {
  while (!pending_.empty()) {
    const ssize_t written = ::write(fd_.get(), pending_.data(), pending_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno != EAGAIN) gone_ = true;
    if (written <= 0) return false;
    pending_.erase(0, static_cast<size_t>(written));
  }
  return true;
}

bool LiveTerminal::FlushFor(Nanoseconds patience) {
  const MonotonicTime limit = RealClock().Now() + patience;
  while (!Flush()) {
    if (gone_ || RealClock().Now() >= limit) return false;
    pollfd writable = {fd_.get(), POLLOUT, 0};
    ::poll(&writable, 1, 10);
  }
  return true;
}

char LiveTerminal::AwaitKey(MonotonicTime deadline) {
  const int64_t left_ms = std::max<int64_t>((deadline - RealClock().Now()).count, 0) / 1'000'000;
  pollfd readable = {fd_.get(), POLLIN, 0};
  if (::poll(&readable, 1, static_cast<int>(left_ms)) <= 0) return keys_.Rest();
  char byte = '\0';
  if (::read(fd_.get(), &byte, 1) == 1) return keys_.Add(byte);
  gone_ = (readable.revents & (POLLHUP | POLLERR)) != 0 || gone_;
  return '\0';
}

}  // namespace synergy
