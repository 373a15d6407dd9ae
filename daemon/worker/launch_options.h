// The command line of synergy-launcher.
//
//   synergy-launcher [flags] -- PATH [ARGUMENT...]
//     --parent PID        end if the parent is not (or no longer) this process
//     --uid N --gid N     run as this user; needed when root, which engines never are
//     --cpus 1,3          run on these CPUs only
//     --memory-limit B    bytes of private memory
//     --cpu-limit S       seconds of CPU time, over all threads
//     --file-limit N      open files, 64 by default
//     --write-limit B     bytes of the longest file that it may write, shared memory included (by
//                         write and ftruncate; not by a mapping); 0 by default
//     --process-limit N   processes and threads of the user, 256 by default; only with --uid, since
//                         a person's own user has other processes, which would count
//     --fds N             descriptors handed on beside 0 to 2: 3 to 2 + N, 7 by default
//                         (common/worker_protocol.h)
//     --oom-score-adj N   1000: the first that the kernel kills when memory runs out
//     --cgroup PATH       join this cgroup (v2)
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <optional>

namespace synergy {

inline constexpr int kMaxInheritedFds = 7;  // of an engine

struct LaunchOptions {
  std::optional<pid_t> parent;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<cpu_set_t> cpus;
  std::optional<rlim_t> memory_limit;
  std::optional<rlim_t> cpu_limit_s;
  int fds = kMaxInheritedFds;
  std::optional<int> oom_score_adj;
  const char* cgroup = nullptr;
  rlim_t file_limit = 64;
  rlim_t write_limit = 0;
  rlim_t process_limit = 256;
  char** command = nullptr;  // PATH and the arguments; points into argv
};

// Fails (launch_error.h) where the command line cannot be, or would start a program as root.
LaunchOptions ParseOptions(int argc, char** argv);

}  // namespace synergy
