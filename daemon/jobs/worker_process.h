// One engine process: its start through synergy-launcher, the protocol with it, its log and its
// end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/child_process.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "common/worker_protocol.h"
#include "daemon/jobs/service_users.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

// Three quarters of physical memory, so that an engine which needs more is stopped before the
// machine is.
uint64_t EngineMemoryLimit();

struct WorkerSpec {
  std::string launcher;         // path of synergy-launcher
  std::string executable;       // path of the engine
  std::optional<UserIds> user;  // set where the daemon is root
  std::vector<int> cpus;        // empty: any
  uint64_t memory_limit = 0;    // bytes
  std::string cgroup = {};      // a folder of cgroup v2 that it joins; "": none
  uint64_t cpu_limit_s = 0;     // over all threads: the last resort behind the job's time limit
  uint64_t more_files = 0;      // that it may have open, beyond what any engine may
};

// Tensor packs that an engine gets; -1: none. Borrowed.
struct TensorFiles {
  int weights = -1;
  int inputs = -1;
};

// Thread-compatible; its thread outlives it. Killed with its whole process group when it is
// destroyed.
class WorkerProcess {
 public:
  static constexpr size_t kMaxLogBytes = 64 << 10;  // half from the begin, half from the end

  // The descriptors are borrowed.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Spawn(const WorkerSpec& spec, int ring_fd,
                                                              int predict_fd, int init_fd,
                                                              const TensorFiles& tensors = {});

  // Unavailable: it is gone or does not read.
  absl::Status Send(const v1::WorkerCommand& command, MonotonicTime deadline);
  // Behind what was sent.
  absl::Status SendFds(std::span<const int> fds);
  // The next event if a whole one has come. Unavailable: the engine closed the connection;
  // DataLoss: what it sent is no event. Never waits.
  absl::StatusOr<std::optional<v1::WorkerEvent>> NextEvent();
  // Waits until the engine says something, `cancel_fd` is readable or `deadline` has passed, and
  // takes what it has printed meanwhile.
  void Wait(MonotonicTime deadline, int cancel_fd, Clock& clock);

  // From then on Wait copies what the engine writes as its outputs to the file `fd` (borrowed), up
  // to `max_bytes`. The engine gets a pipe, so that it writes no file: no limit of its own can be
  // mistaken, and what it writes ends with it.
  void CaptureOutputs(int fd, uint64_t max_bytes);
  // Takes what is left in the pipe, and ends the capture. Bytes in the file; ResourceExhausted: it
  // wrote more than that, or the disk is full.
  absl::StatusOr<uint64_t> FinishOutputs();
  // So far.
  uint64_t captured_bytes() const { return captured_bytes_; }

  ChildProcess& child() { return *child_; }
  // What the engine printed so far, cut in the middle where it was too much.
  std::string log();
  // Its last line, printable and short.
  std::string last_log_line();

 private:
  WorkerProcess(UniqueFd control, UniqueFd log_pipe, UniqueFd outputs_pipe,
                std::unique_ptr<ChildProcess> child);
  void ReadLog();
  void ReadOutputs();

  UniqueFd control_;
  UniqueFd log_pipe_;
  UniqueFd outputs_pipe_;
  int outputs_file_ = -1;  // -1: nothing is captured
  uint64_t max_captured_bytes_ = 0;
  uint64_t captured_bytes_ = 0;
  absl::Status capture_;
  FrameReceiver receiver_;
  std::string log_head_;
  std::string log_tail_;
  uint64_t log_lost_ = 0;  // bytes between the two
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace synergy
