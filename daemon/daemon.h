// The root process, composed: builds, starts and stops all of its parts in order.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/access/access_folder.h"
#include "daemon/access/access_watch.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/clock_control.h"
#include "daemon/clocks/frequency_lease.h"
#include "daemon/control/control_server.h"
#include "daemon/control/front_process.h"
#include "daemon/control/listening_socket.h"
#include "daemon/diagnosis/board_diagnosis.h"
#include "daemon/installation.h"
#include "daemon/jobs/engine_probe.h"
#include "daemon/jobs/engines.h"
#include "daemon/jobs/job_queue.h"
#include "daemon/jobs/job_runner.h"
#include "daemon/jobs/worker_cgroup.h"
#include "daemon/power/board.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/telemetry.h"

namespace synergy {

struct DaemonOptions {
  std::string board = "auto";
  std::vector<ListenAddress> listen;
  std::string state_dir;
  std::string libexec_dir;
  std::string sysfs_root = "/sys";
  bool direct_i2c = false;                     // INA3221s without their driver
  std::vector<std::string> source_programs;    // commands (daemon/power/exec_source.h)
  std::vector<SimulatedFault> faults;          // of a simulated board
  VerdictLimits limits;                        // of runs' verdicts
  double watch_rate_hz = kDefaultWatchRateHz;  // of live power, for the role watch
  int stop_fd = -1;                            // readable: give up starting. Borrowed; -1: never
  uint64_t object_quota_bytes = 0;             // 0: DefaultObjectQuota
  uint64_t records_quota_bytes = 0;            // of ended runs; 0: a quarter of the disk
};

class Daemon {
 public:
  // Everything runs on return. InvalidArgument: the options; Cancelled: `stop_fd` was readable;
  // anything else: this machine. A thread that is to take signals blocks them before. Engines that
  // do not answer hold it up for 10 s at most.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const DaemonOptions& options);
  // Cancels the running job, completes its records and ends all processes, within 2 s.
  ~Daemon();

  const std::vector<std::unique_ptr<ListeningSocket>>& listeners() const { return listeners_; }
  const v1::BoardInfo& board() const { return board_.info; }

 private:
  Daemon(const DaemonOptions& options, StateFolder state);
  void RestoreLeftLeases() const;
  absl::Status CheckExecutables() const;
  absl::Status TakeSensorSettings();
  void ReleaseSensorSettings();
  absl::Status OpenBoardAndSensors();
  void DescribeBoard(const std::string& board_id);
  // After the board, which may bring clocks of its own.
  absl::Status OpenClocks();
  absl::Status FindUsers();
  void MakeCgroup();
  void EndRevoked();  // jobs and leases of clients who may not come any more
  ProbeOptions EngineProbe() const;
  absl::Status AskEngines();
  absl::Status OpenQueue();
  // InvalidArgument: a listener is TCP, and there are no credentials.
  absl::Status OpenAccess();
  absl::Status Serve();
  DiagnosisSubject WhatToDiagnose() const;
  void Pin(const std::vector<int>& cpus) const;
  std::string Executable(const char* name) const { return options_.libexec_dir + "/" + name; }

  const DaemonOptions options_;
  const StateFolder state_;
  const std::vector<int> cpus_;
  std::unique_ptr<WorkerCgroup> cgroup_;  // null: there is none
  std::optional<UserIds> engine_user_;    // nothing: we are not root, all run as we do
  std::optional<UserIds> front_user_;
  std::atomic<uint64_t> received_bytes_ = 0;  // of objects
  std::vector<InstalledEngine> engines_;
  // In the order of their start.
  std::vector<std::unique_ptr<ListeningSocket>> listeners_;
  std::unique_ptr<FrequencyLease> sensor_settings_;  // the sensors write by it; null: simulated
  Board board_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<Telemetry> telemetry_;
  std::unique_ptr<AttributeFiles> simulated_clocks_;  // null: the kernel's
  std::unique_ptr<ClockControl> clocks_;
  std::unique_ptr<JobRunner> runner_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<AccessFolder> access_;
  v1::TlsIdentity tls_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<AccessWatch> access_watch_;  // tells the server
  std::unique_ptr<FrontProcess> front_;
};

}  // namespace synergy
