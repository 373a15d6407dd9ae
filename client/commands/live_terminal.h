// The terminal at stdin and stdout as a screen that is drawn on, and put back as it was.
#pragma once

#include <termios.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/watch/canvas.h"
#include "client/watch/key_sequence.h"
#include "common/clock.h"
#include "common/unique_fd.h"

namespace synergy {

// Thread-compatible. Nothing waits for the terminal but the end, and that 200 ms at most; then
// output that was stopped (Ctrl-S) goes on, without what stood in the terminal's buffer, and it
// waits as long again.
class LiveTerminal {
 public:
  explicit LiveTerminal(TerminalLook look) : look_(look), shown_(0, 0) {}
  ~LiveTerminal() { Restore(); }
  LiveTerminal(const LiveTerminal&) = delete;
  LiveTerminal& operator=(const LiveTerminal&) = delete;

  // The alternate screen, keys as they are pressed, no cursor. FailedPrecondition: it is no
  // terminal.
  absl::Status Open();
  void Restore();

  struct Size {
    size_t columns = 0, rows = 0;
    friend bool operator==(const Size&, const Size&) = default;
  };
  Size size() const;  // 80 x 24 where it does not say

  // Writes what is different. Where the terminal has not taken the frame before, this one is
  // skipped.
  void Show(const Canvas& canvas);
  uint64_t skipped() const { return skipped_; }
  bool gone() const { return gone_; }  // it was hung up

  // A key, as KeySequence has them, or '\0': none was pressed until then.
  char AwaitKey(MonotonicTime deadline);

 private:
  bool Flush();
  bool FlushFor(Nanoseconds patience);

  const TerminalLook look_;
  UniqueFd fd_;  // non-blocking, a description of its own: the shell's is not touched
  std::optional<termios> before_;
  Canvas shown_;
  KeySequence keys_;
  std::string pending_;
  uint64_t skipped_ = 0;
  bool gone_ = false;
};

}  // namespace synergy
