// synergyd-front as a process: started, restarted when it ends, ended with the daemon.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/control/control_server.h"
#include "daemon/jobs/worker_process.h"

namespace synergy {

struct FrontOptions {
  std::string launcher;         // path of synergy-launcher
  std::string executable;       // path of synergyd-front
  std::optional<UserIds> user;  // set where the daemon is root
  Nanoseconds backoff_min = Milliseconds(100);
  Nanoseconds backoff_max = Seconds(2);
  Nanoseconds end_patience = Milliseconds(800);  // for its clients' last messages
  // Resident. gRPC's buffers for TCP are 256 MB at most; all else was 37 MB with 40 streams
  // (docs/bars.md, crowd).
  uint64_t memory_limit_bytes = uint64_t{512} << 20;
};

// The front keeps nothing: whatever it did, a new one goes on where the old one was. A running job
// does not notice. One that grows beyond its memory limit is killed. Waits between starts double
// from backoff_min to backoff_max and start anew once a front has lived for kSteadyLife.
class FrontProcess {
 public:
  static constexpr Nanoseconds kSteadyLife = Seconds(10);

  // `server` outlives the process.
  FrontProcess(FrontOptions options, ControlServer& server);
  ~FrontProcess();  // stops

  void Start();
  // Ends the server's session and the front; returns within about end_patience.
  void Stop();

  // Of the living front.
  std::optional<pid_t> pid() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();
  void RunOne();
  absl::Status ServeWatched(pid_t pid, UniqueFd channel);
  void Wait(Nanoseconds time) ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopping() const ABSL_LOCKS_EXCLUDED(mutex_);
  void SetPid(std::optional<pid_t> pid) ABSL_LOCKS_EXCLUDED(mutex_);

  const FrontOptions options_;
  ControlServer& server_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = true;         // the thread has nothing more to do
  std::optional<pid_t> pid_ ABSL_GUARDED_BY(mutex_);  // nothing once it may have been reaped
  std::jthread thread_;  // lives as long as any front: its end would kill it
};

}  // namespace synergy
