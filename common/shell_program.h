// A program that somebody names on a command line, and whose output is read: the shell understands
// what they wrote.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

// A program that runs: what it prints, and how it ended ("exited with code 3") once it has.
struct RunningProgram {
  UniqueFd output;                   // non-blocking
  std::shared_ptr<void> process;     // killed when nobody holds it any more
  std::function<std::string()> end;  // "runs" as long as it does
  std::function<void()> terminate;   // SIGTERM to all that it has started
};

// `command` as the shell understands it; its standard error is this process's. It leads a process
// group, which is killed with it, and ends when the thread that started it does: by setpriv's
// --pdeathsig where util-linux is installed, else at its next line, which finds no reader.
absl::StatusOr<RunningProgram> StartShellProgram(const std::string& command);

}  // namespace synergy
