// Processes that this one starts, through synergy-launcher or not, and their ends.
//
// The launcher ties a child's life to the thread that spawned it (PR_SET_PDEATHSIG): spawn from a
// thread that lives as long as the child may. A child leads its own process group and is killed
// with all of it. Whatever leaves its group is found as a stray: the daemon is its subreaper
// (AdoptOrphans).
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"

namespace synergy {

// Other descriptors are not inherited where they are close-on-exec, as all of ours are; the
// launcher closes the rest.
struct ChildSpec {
  std::string path;
  std::vector<std::string> arguments = {};  // without the name itself
  std::vector<int> fds = {};                // become 3, 4, ... in the child
  std::optional<int> log_fd = {};           // becomes 1 and 2; those of this process otherwise
  std::optional<int> output_fd = {};        // becomes 1, whatever log_fd is
};

// Thread-compatible.
class ChildProcess {
 public:
  // NotFound where there is no such executable.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(const ChildSpec& spec);
  ~ChildProcess();  // kills the group and waits
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool HasEnded() const;
  // The wait status once the child has ended; what is left of its group is killed then.
  std::optional<int> TryWait();
  // TryWait until it has ended or `deadline` has passed.
  std::optional<int> WaitUntil(MonotonicTime deadline, Clock& clock);
  void Terminate();  // SIGTERM to the child alone
  // Kills the group and waits; returns the wait status.
  int Kill();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  std::optional<int> status_;  // set once reaped
};

// "was killed by SIGSEGV (Segmentation fault)", "exited with code 3".
std::string DescribeWaitStatus(int status);

// Makes this process the one that orphans among its descendants fall to. Once, at start: children
// that it has then were there before it became what it is (a shell's, after exec) and are left
// alone.
void AdoptOrphans();
// Kills and reaps every child of this process that is no living ChildProcess; returns how many were
// still alive. Waits for their ends for half a second at most.
// Thread-safe, also against Spawn.
int KillStrays();

}  // namespace synergy
