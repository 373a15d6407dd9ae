#include "common/shell_program.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "common/child_process.h"
#include "common/files.h"

namespace synergy {
namespace {

constexpr char kShell[] = "/bin/sh";
constexpr char kSetpriv[] = "/usr/bin/setpriv";

}  // namespace

absl::StatusOr<RunningProgram> StartShellProgram(const std::string& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return FileError("Making", "a pipe", errno);
  RunningProgram program;
  program.output.reset(ends[0]);
  const UniqueFd input(ends[1]);
  // The program's end of the pipe blocks, as programs expect.
  if (fcntl(input.get(), F_SETFL, 0) != 0) return FileError("Setting up", "a pipe", errno);
  const bool has_setpriv = access(kSetpriv, X_OK) == 0;
  ChildSpec spec{.path = has_setpriv ? kSetpriv : kShell, .output_fd = input.get()};
  if (has_setpriv) spec.arguments = {"--pdeathsig", "KILL", "--", kShell};
  spec.arguments.insert(spec.arguments.end(), {"-c", command});
  absl::StatusOr<std::unique_ptr<ChildProcess>> child = ChildProcess::Spawn(spec);
  if (!child.ok()) return child.status();
  std::shared_ptr<ChildProcess> shared = *std::move(child);
  program.end = [shared] {
    const std::optional<int> status = shared->TryWait();
    return status ? DescribeWaitStatus(*status) : std::string("runs");
  };
  program.terminate = [shared] {
    if (!shared->HasEnded()) kill(-shared->pid(), SIGTERM);
  };
  program.process = std::move(shared);
  return program;
}

}  // namespace synergy
