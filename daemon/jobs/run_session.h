// One job from its first process to its last record: leads the engine through idle, setup, warm-up
// and measured phases and records what the sensors and the engine say meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "daemon/jobs/core_plan.h"
#include "daemon/jobs/engine_driver.h"
#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/reading_tally.h"
#include "daemon/jobs/verdict.h"
#include "daemon/jobs/worker_cgroup.h"
#include "daemon/power/board_simulation.h"
#include "daemon/sampling/run_recorder.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/spool.h"
#include "daemon/sampling/telemetry.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

struct RunnerOptions {
  std::string launcher;                // path of synergy-launcher
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
  // Seven days at 1 kHz, three rails, with markers every 30 us: no honest job comes near. What
  // stays free is half of what a job needs to begin (RunStore::Space).
  SpoolLimits spool = {.max_bytes = uint64_t{256} << 30, .min_free_bytes = uint64_t{32} << 20};
};

// What a job is measured with. Borrowed.
struct RunnerParts {
  v1::BoardInfo board;
  BoardSimulation* simulation = nullptr;  // null on real hardware
  WorkerCgroup* cgroup = nullptr;         // null: the engine is killed with its process group
  Sampler* sampler = nullptr;
  Telemetry* telemetry = nullptr;
  Clock* clock = nullptr;
  std::vector<int> cpus;                             // that the daemon may use
  std::function<void(const std::vector<int>&)> pin;  // binds the daemon and the front to CPUs
  std::function<void()> on_chunk;                    // the spool has grown; from any thread
};

// Used once, by one thread.
class RunSession {
 public:
  // Everything outlives the session.
  RunSession(const RunnerOptions& options, const RunnerParts& parts, const v1::JobStatus& job,
             const RunFolder& folder, const CancelToken& cancel, const ProgressCallback& progress);

  JobOutcome Run();

 private:
  absl::Status StartEngine();
  absl::Status StartRecording();
  absl::Status Conduct();
  absl::Status Warmup();
  absl::Status Baseline();
  absl::Status Measure();
  absl::Status Tail();
  // Lets time pass until every channel (`voltages` or not) was read since then. False: in vain.
  absl::StatusOr<bool> AwaitReadings(MonotonicTime since, bool voltages);
  // What is sampled at before and after the job: what was asked for, or faster.
  double EdgeRateHz() const;
  void SetPhase(v1::Phase phase);
  void AddNotice(const char* code, std::string text);
  void AddRunNotices();
  absl::Status OnTick(const MarkerFeed::Activity& activity, const std::vector<Marker>& markers);
  void ReportProgress(const MarkerFeed::Activity& activity);

  // What the engine, which has ended, left behind; how many processes.
  int KillLeftBehind();
  void StopRecording(const absl::Status& result);
  v1::RunEnd MakeEnd(const absl::Status& result);
  JobOutcome Finish(v1::RunEnd end);
  bool WriteTruth();

  const RunnerOptions& options_;
  const RunnerParts& parts_;
  const v1::JobStatus& job_;
  const RunFolder& folder_;
  const CancelToken& cancel_;
  const ProgressCallback& progress_;
  Clock& clock_;
  const CorePlan cores_;

  UniqueFd predict_net_;
  UniqueFd init_net_;
  UniqueFd ring_;
  std::optional<MarkerFeed> feed_;
  std::optional<EngineDriver> driver_;
  v1::RunHeader header_;
  std::unique_ptr<RunRecorder> recorder_;  // null before the recording has started
  ReadingTally tally_;
  std::optional<v1::RunTruth> truth_;
  RunFacts facts_;
  v1::Phase phase_ = v1::PHASE_UNSPECIFIED;
  MonotonicTime next_report_;
  double cpu_s_at_begin_ = 0;
};

}  // namespace synergy
