// How jobs are run, and with what.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "daemon/clocks/clock_control.h"
#include "daemon/counters/perf_kernel.h"
#include "daemon/jobs/engine_driver.h"
#include "daemon/jobs/service_users.h"
#include "daemon/jobs/verdict_limits.h"
#include "daemon/jobs/worker_cgroup.h"
#include "daemon/power/board_simulation.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/spool.h"
#include "daemon/sampling/telemetry.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

struct RunnerOptions {
  std::string launcher;                // path of synergy-launcher
  std::string estimator;               // path of synergy-estimate
  std::string libexec_dir;             // holds the engines
  std::optional<UserIds> engine_user;  // set where the daemon is root
  double idle_rate_hz = 100;  // of the sampler between jobs: a reading per telemetry record
  // Idle before the job, and until every channel was read.
  Nanoseconds baseline = Milliseconds(200);
  // After the last iteration, and until every rail was read: the sensors' windows reach beyond its
  // end.
  Nanoseconds tail = Milliseconds(50);
  Nanoseconds reading_patience = Seconds(2);  // with channels that do not get read
  Nanoseconds progress_period = Milliseconds(200);
  EngineLimits engine;
  VerdictLimits limits;
  // Seven days at 1 kHz, three rails, with markers every 30 us: no honest job comes near. What
  // stays free is half of what a job needs to begin (RunStore::Space).
  SpoolLimits spool = {.max_bytes = uint64_t{256} << 30, .min_free_bytes = uint64_t{32} << 20};
};

// What a job is measured with. Borrowed.
struct RunnerParts {
  v1::BoardInfo board;
  BoardSimulation* simulation = nullptr;  // null on real hardware
  ClockControl* clocks = nullptr;         // null: jobs cannot ask for clocks
  WorkerCgroup* cgroup = nullptr;         // null: the engine is killed with its process group
  Sampler* sampler = nullptr;
  Telemetry* telemetry = nullptr;
  Clock* clock = nullptr;
  PerfKernel* perf = &RealPerfKernel();                   // whose events jobs may have counted
  const std::atomic<uint64_t>* received_bytes = nullptr;  // of objects, by clients; null: none
  std::function<std::optional<pid_t>()> front_pid;   // of the living front; null: there is none
  std::vector<int> cpus;                             // that the daemon may use
  std::function<void(const std::vector<int>&)> pin;  // binds the daemon and the front to CPUs
  std::function<void()> on_chunk;                    // the spool has grown; from any thread
};

}  // namespace synergy
