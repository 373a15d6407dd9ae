// The root side of the control protocol (proto/synergy/v1/control.proto): answers the front's
// requests and sends it news. Takes nothing that the front says for granted: the front parses the
// network.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/unique_fd.h"
#include "daemon/access/access_folder.h"
#include "daemon/control/control_session.h"
#include "daemon/jobs/job_queue.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// What a front is given first. The descriptors are borrowed.
struct ControlStart {
  v1::BoardInfo board;
  // Its sources as they are whenever a client asks; empty: those of `board`.
  ControlSession::DescribeSources sources;
  int telemetry_ring = -1;  // read only
  struct Listener {
    std::string address;
    int fd = -1;
  };
  std::vector<Listener> listeners;
  v1::TlsIdentity tls;             // where one of them is TCP
  AccessFolder* access = nullptr;  // outlives the server; null: nobody may come over TCP
};

// Thread-safe. Serves one front at a time, one after the other.
class ControlServer final : public JobListener {
 public:
  // `queue` and `clocks` (null: this daemon has none) outlive the server, which is the queue's
  // listener. `diagnose` (empty: it makes no diagnoses): as of ControlSession.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Create(
      ControlStart start, JobQueue& queue, ClockControl* clocks = nullptr,
      ControlSession::Diagnose diagnose = nullptr);
  ~ControlServer() override;

  // Serves the front at the other end of `socket` until it is gone, misbehaves or Shutdown is
  // called; the reason. Each front hears of every job that exists first.
  absl::Status Serve(UniqueFd socket);
  // Waits until the front has been sent all news, for `patience` at most.
  void Flush(Nanoseconds patience);
  // Ends Serve, now and from now on; does not wait for it.
  void Shutdown();

  // A run's spool has grown: wakes the front's followers. From any thread, never waits.
  void SpoolGrew();

  // Tells the front which clients may come now.
  void TellClients();

  void OnJob(const v1::JobStatus& job) override;
  void OnRemoved(const std::string& run_id) override;

 private:
  ControlServer(ControlStart start, JobQueue& queue, ClockControl* clocks,
                ControlSession::Diagnose diagnose, UniqueFd news_fd);

  const ControlStart start_;
  const ControlSession::DescribeSources sources_;
  JobQueue& queue_;
  ClockControl* const clocks_;
  const ControlSession::Diagnose diagnose_;
  const UniqueFd news_fd_;
  absl::Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<ControlSession> session_ ABSL_GUARDED_BY(mutex_);  // null: no front
};

}  // namespace synergy
