// The root side of the control channel for tests of the front: jobs as a test sets them, real
// spools and a real telemetry ring, no hardware.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/telemetry_ring.h"
#include "common/unique_fd.h"
#include "daemon/access/access_folder.h"
#include "daemon/control/control_channel.h"
#include "daemon/jobs/object_store.h"
#include "daemon/sampling/spool.h"
#include "synergy/v1/control.pb.h"
#include "synergy/v1/device.pb.h"
#include "tests/support/temp_folder.h"

namespace synergy {

inline v1::BoardInfo SimulatedBoard() {
  v1::BoardInfo board;
  board.set_board_id("board-1");
  board.set_name("sim:test");
  board.set_simulated(true);
  board.set_daemon_version("0.1.0");
  return board;
}

inline v1::JobStatus JobOf(const std::string& run_id, v1::JobState state, uint64_t chunks = 0) {
  v1::JobStatus job;
  job.set_run_id(run_id);
  job.mutable_spec()->set_net_name("squeezenet");
  job.set_state(state);
  job.set_chunks(chunks);
  return job;
}

// Serves one front at a time; the listeners, the jobs and their files outlive it. Thread-safe but
// for the ring. Requests are answered in a thread of its own, in the order in which they come.
class FakeRoot {
 public:
  struct Submission {
    v1::JobSpec spec;
    std::string predict_net;
    std::string init_net;
  };

  explicit FakeRoot(v1::BoardInfo board = SimulatedBoard(),
                    const std::vector<std::string>& rails = {"VDD_IN", "VDD_CPU"});
  ~FakeRoot();

  // "unix:PATH" and "127.0.0.1:PORT".
  const std::string& unix_host() const { return unix_host_; }
  const std::string& tcp_host() const { return tcp_host_; }
  const TempFolder& folder() const { return folder_; }

  // The board's access, as a daemon keeps it; the front is told of changes by TellClients.
  AccessFolder& access() { return *access_; }
  void TellClients() ABSL_LOCKS_EXCLUDED(mutex_);
  // Pairs a client, of whom a front that is there is told.
  v1::PairedBoard Pair(v1::Role role = v1::ROLE_RUN) ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets time pass for pairings.
  void PassTime(int64_t ns) { boot_ns_ += ns; }
  // How many requests came, but for those of pairing and what the front has refused.
  int asked() const { return asked_; }
  // The calls that the front has refused, by their methods.
  std::vector<std::string> refused() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for so many: the front tells of them without waiting for us.
  std::vector<std::string> WaitForRefused(size_t count) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits for a connection that came to nothing: "127.0.0.1: why". Forgets those after it.
  std::string WaitForStranger() ABSL_LOCKS_EXCLUDED(mutex_);

  // The control channel for a new front, which has got Start and the jobs; the last front's one is
  // cut.
  UniqueFd StartFront();
  void CutFront();
  // A packet as a broken root side would send it.
  void SendRaw(const std::string& packet);

  // Tells the front of `job`'s status.
  void SetJob(const v1::JobStatus& job) ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveJob(const std::string& run_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // The run's spool, created at the first call.
  RunSpool& Spool(const std::string& run_id);
  // Appends chunks of `bytes` bytes, numbered by the spool, and rings the eventfd.
  void AppendChunks(const std::string& run_id, int count, size_t bytes = 100);
  void WriteTruth(const std::string& run_id, const v1::RunTruth& truth);
  void WriteOutputs(const std::string& run_id, const std::string& bytes);
  // A real store, whose files lie in objects_folder().
  ObjectStore& objects() { return *objects_; }
  std::string objects_folder() const { return folder_.File("objects"); }
  TelemetryRingWriter& ring() { return *ring_; }

  // Of every board description from now on.
  void SetSources(const std::vector<v1::SourceInfo>& sources) ABSL_LOCKS_EXCLUDED(mutex_);
  void SetEngines(const std::vector<v1::EngineInfo>& engines) ABSL_LOCKS_EXCLUDED(mutex_);
  // That a job is about to name, as the last request for engines said.
  std::string wanted_engine() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Of every hold from now on; OK: they are granted.
  void RefuseClocks(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mutex_);
  // What every release from now on says to be left.
  void LeaveChanged(std::vector<std::string> lines) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until the front holds the clocks so many times; what it asked for, by its numbers.
  std::map<uint64_t, v1::ControlRequest::HoldClocks> WaitForHolds(size_t count)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on requests are taken and never answered.
  void Hang() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until `count` submissions came.
  std::vector<Submission> WaitForSubmissions(size_t count) ABSL_LOCKS_EXCLUDED(mutex_);
  std::map<std::string, uint64_t> acknowledged() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Serve(ControlChannel* channel);
  void Answer(ControlChannel* channel, const v1::ControlRequest& request,
              const std::vector<UniqueFd>& fds);
  v1::ControlEvent Handle(const v1::ControlRequest& request, const std::vector<UniqueFd>& fds,
                          UniqueFd* reply_fd) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleClocks(const v1::ControlRequest& request, v1::ControlEvent* event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OpenForReply(const std::string& path, UniqueFd* reply_fd, v1::ControlEvent* event);
  std::string SpoolPath(const std::string& run_id) const { return folder_.File(run_id + ".spool"); }
  std::string OutputsPath(const std::string& run_id) const {
    return folder_.File(run_id + ".outputs");
  }
  std::string TruthPath(const std::string& run_id) const { return folder_.File(run_id + ".truth"); }

  v1::ControlEvent ClientsNow() const;
  v1::ControlEvent QuotasNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TempFolder folder_;
  const v1::BoardInfo board_;
  std::atomic<int64_t> boot_ns_ = 1'000'000'000;
  std::atomic<int> asked_ = 0;
  std::unique_ptr<AccessFolder> access_;
  BoardCredentials credentials_;
  std::string unix_host_, tcp_host_;
  std::vector<UniqueFd> listeners_;
  std::optional<TelemetryRingWriter> ring_;
  UniqueFd eventfd_;
  std::map<std::string, std::unique_ptr<RunSpool>> spools_;
  std::unique_ptr<ObjectStore> objects_;

  mutable absl::Mutex mutex_;
  std::vector<v1::JobStatus> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<Submission> submissions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> acknowledged_ ABSL_GUARDED_BY(mutex_);
  v1::ControlEvent::Sources sources_ ABSL_GUARDED_BY(mutex_);
  v1::ControlEvent::Engines engines_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> refused_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> strangers_ ABSL_GUARDED_BY(mutex_);
  std::string wanted_engine_ ABSL_GUARDED_BY(mutex_);
  absl::Status clocks_refused_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> left_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, v1::ControlRequest::HoldClocks> holds_ ABSL_GUARDED_BY(mutex_);
  v1::Quotas quotas_ ABSL_GUARDED_BY(mutex_);
  bool hangs_ ABSL_GUARDED_BY(mutex_) = false;

  std::unique_ptr<ControlChannel> channel_;
  std::jthread thread_;
};

}  // namespace synergy
