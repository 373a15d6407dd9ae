// Where a command's data go: stdout or a file, whole or with an error.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace synergy {

// Everything to stdout. An error (a full disk behind a redirection) ends in kFailedCheck; a reader
// that has gone away (`synergyctl runs | head`) is no error.
absl::Status WriteStdout(std::string_view text);

// Whether somebody still reads stdout: what writes line after line ends where nobody does.
bool StdoutIsRead();

// Everything to `path`. A plain file, or the one that a link points at, is replaced as a whole or
// stays as it was.
absl::Status WriteOutputFile(const std::string& path,
                             std::initializer_list<std::string_view> parts);

// Behind what is in `path`. Errors likewise end in kFailedCheck.
absl::Status AppendToFile(const std::string& path, std::string_view text);

// Makes the standard descriptors that the caller closed (`2>&-`) refuse what is written to them,
// instead of being given to the next file or socket that is opened. First thing in main.
void OccupyStandardDescriptors();

// To stderr as far as it can be written: what cannot be said ends nothing.
void WriteStderr(std::string_view text);

// While it lives, what is for stderr is kept, and written at its end, but for lines of progress
// that stay open: the screen is somebody else's.
class HeldStderr {
 public:
  HeldStderr();
  ~HeldStderr() { Release(); }
  HeldStderr(const HeldStderr&) = delete;
  HeldStderr& operator=(const HeldStderr&) = delete;
  void Release();
};

// Takes a terminal's line away, so that it can be written anew.
inline constexpr std::string_view kTakeLineAway = "\r\x1b[K";
// A line of progress to stderr. Where it stays open, the next note (exit_code.h) takes it away,
// also one of another thread.
void WriteProgress(std::string_view text);
void TakeProgressAway();

// Colours on stdout: it is a terminal that knows them, and NO_COLOR (no-color.org) is not set.
bool StdoutHasColor();
// One whose lines can be written over: TERM is neither unset nor "dumb".
bool StderrIsTerminal();
bool StdoutIsTerminal();  // likewise
// Of the terminal at stderr; 0 where it does not say or is none.
size_t StderrColumns();
size_t StdoutColumns();  // likewise

}  // namespace synergy
