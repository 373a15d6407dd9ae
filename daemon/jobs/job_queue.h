// The jobs of this device: one runs, the others wait in the order of their submission. All of it
// survives the daemon: what waits is run after a restart, what ran when the daemon died is closed
// as failed, and what ended is kept until the host has acknowledged every chunk of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/spec_validation.h"
#include "common/unique_fd.h"
#include "daemon/jobs/engine_list.h"
#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/job_table.h"
#include "daemon/jobs/object_store.h"
#include "daemon/jobs/run_store.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/stored_job.pb.h"

namespace synergy {

struct JobQueueOptions {
  std::string state_dir;   // exists
  SpecLimits limits;       // with the engines as of the start
  EngineAsker ask_engine;  // empty: those are what there is
  // Whether the board has the clocks that a job asks for; empty: no job can ask.
  std::function<absl::Status(const v1::ClockRequest&)> check_clocks;
  v1::BoardInfo board;   // for the header of runs that never started
  size_t capacity = 64;  // jobs that wait
  RunStore::Space space;
  ObjectStoreOptions objects;
};

// Thread-safe.
class JobQueue {
 public:
  // Reads the state folder and closes what a dead daemon left open. `executor` and `clock` outlive
  // the queue. Runs nothing before Start().
  static absl::StatusOr<std::unique_ptr<JobQueue>> Open(JobQueueOptions options,
                                                        JobExecutor& executor, Clock& clock);
  ~JobQueue();

  // From here on `listener` (may be null) hears news; it first hears every job that exists. It
  // outlives the queue or is replaced by null.
  void SetListener(JobListener* listener) ABSL_LOCKS_EXCLUDED(mutex_);
  // Starts the one thread that runs jobs.
  void Start();
  // Cancels the running job and returns when its records are complete, within 2 s. Those that wait
  // stay.
  void Stop();

  // Copies the nets (regular files) into a new run's folder and queues it. InvalidArgument: the
  // spec or a net; NotFound: it names an object that is not on this device; FailedPrecondition:
  // this board cannot measure; ResourceExhausted: queue, net size or disk; Unavailable: `stop`
  // became true, or the daemon goes down.
  absl::StatusOr<v1::JobStatus> Submit(const v1::JobSpec& spec, const UniqueFd& predict_net,
                                       const UniqueFd& init_net,
                                       const std::atomic<bool>* stop = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // As of ObjectStore. An object that has become whole is put on the disk when no job runs.
  absl::StatusOr<ObjectState> QueryObject(const v1::ObjectRef& object,
                                          const std::atomic<bool>* stop = nullptr);
  absl::StatusOr<ObjectState> AppendObject(const v1::ObjectRef& object, uint64_t offset,
                                           const UniqueFd& file,
                                           const std::atomic<bool>* stop = nullptr)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsRunningAJob() const ABSL_LOCKS_EXCLUDED(mutex_);
  // All engines as they are now; `wanted` is asked again before where it is to be (engine_list.h)
  // and no job runs, which takes seconds.
  std::vector<v1::EngineInfo> DescribeEngines(const std::string& wanted);
  bool IsToBeAsked(const std::string& engine) { return engines_.IsToBeAsked(engine); }
  // Oldest first.
  std::vector<v1::JobStatus> List() const ABSL_LOCKS_EXCLUDED(mutex_);
  // NotFound for a run that is not on this device, here and below.
  absl::StatusOr<v1::JobStatus> Get(std::string_view run_id) const ABSL_LOCKS_EXCLUDED(mutex_);
  // A waiting job ends at once, a running one within 2 s; of an ended one the answer is its status.
  absl::StatusOr<v1::JobStatus> Cancel(std::string_view run_id) ABSL_LOCKS_EXCLUDED(mutex_);
  // All chunks below `next_seq` are durable on the host; of an ended run there may be fewer here.
  // Deletes an ended run that is wholly
  // acknowledged.
  absl::Status Acknowledge(std::string_view run_id, uint64_t next_seq) ABSL_LOCKS_EXCLUDED(mutex_);

  // Read-only descriptors of the spool, of the truth and of the outputs. Unavailable: the job still
  // waits, it has none yet.
  absl::StatusOr<UniqueFd> OpenRun(std::string_view run_id) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<UniqueFd> OpenTruth(std::string_view run_id) const ABSL_LOCKS_EXCLUDED(mutex_);
  // FailedPrecondition: the job left no outputs.
  absl::StatusOr<UniqueFd> OpenOutputs(std::string_view run_id) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  JobQueue(JobQueueOptions options, std::unique_ptr<ObjectStore> objects,
           std::unique_ptr<RunStore> store, JobExecutor& executor, Clock& clock);
  void Recover() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunJobs() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<v1::StoredJob> TakeNext() ABSL_LOCKS_EXCLUDED(mutex_);
  // What ValidateSpecUntrusted says, and the board's clocks.
  absl::Status Possible(const v1::JobSpec& spec, bool idle);
  // What can run, with the spec's engine asked again where that is due.
  SpecLimits Limits(const v1::JobSpec& spec, bool idle);
  JobOutcome RunOne(const v1::JobStatus& job) ABSL_LOCKS_EXCLUDED(mutex_);
  void Report(std::string_view run_id, const JobProgress& progress) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(uint64_t number, const JobOutcome& outcome) ABSL_LOCKS_EXCLUDED(mutex_);

  const JobQueueOptions options_;
  JobExecutor& executor_;
  Clock& clock_;
  EngineList engines_;
  const std::unique_ptr<ObjectStore> objects_;
  const std::unique_ptr<RunStore> store_;
  std::atomic<bool> stop_syncing_ = false;  // and hashing
  absl::Mutex submit_mutex_
      ABSL_ACQUIRED_BEFORE(mutex_);  // one submission at a time: keeps the order
  // Held while the files of jobs that do not run are changed, so that mutex_ need not be: the
  // running job reports under that one.
  absl::Mutex files_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  JobTable table_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<CancelToken> running_ ABSL_GUARDED_BY(mutex_);  // null: nothing runs
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool unsynced_objects_ ABSL_GUARDED_BY(mutex_) = true;  // a dead daemon may have left some
  std::jthread thread_;
};

}  // namespace synergy
