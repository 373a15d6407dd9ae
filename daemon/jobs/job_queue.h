// The jobs of this device: one runs, the others wait (job_table.h says in which order). All of it
// survives the daemon: what waits is run after a restart, what ran when the daemon died is closed
// as failed and interrupted, and what ended is kept until its owner has acknowledged every chunk of
// it or the quota evicts it, the oldest first. No job runs twice.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/spec_validation.h"
#include "common/unique_fd.h"
#include "daemon/jobs/engine_list.h"
#include "daemon/jobs/gone_runs.h"
#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/job_owner.h"
#include "daemon/jobs/job_table.h"
#include "daemon/jobs/lease_book.h"
#include "daemon/jobs/object_store.h"
#include "daemon/jobs/quota_book.h"
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
  // Whether the events of a job could be counted; empty: that is seen when it runs.
  std::function<absl::Status(const v1::JobSpec&)> check_events = {};
  v1::BoardInfo board;    // for the header of runs that never started
  size_t capacity = 256;  // jobs that wait
  // What holds where no admin has set anything else (quota_book.h), and that of `objects`.
  uint32_t capacity_per_client = 64;           // of them
  uint64_t records_quota_bytes = 0;            // of ended runs; 0: a quarter of the disk
  double watch_rate_hz = kDefaultWatchRateHz;  // of live power, for the role watch
  std::string boot_id = {};                    // of the leases
  // False of a client who may not come any more, at the latest when EndAllOf is called for it. It
  // is called with the queue locked. Empty: everybody may.
  std::function<bool(const std::string& owner_id)> may_own = {};
  // Told of each run whose records make room.
  std::function<void(const v1::JobStatus&)> on_evicted = {};
  RunStore::Space space;
  ObjectStoreOptions objects;
};

class JobQueue;

// That a client may hold the clocks (JobQueue::GrantClocks). Does not outlive the queue.
class ClockGrant {
 public:
  ~ClockGrant();
  ClockGrant(const ClockGrant&) = delete;
  ClockGrant& operator=(const ClockGrant&) = delete;

  const std::string& name() const { return by_.name; }  // of the client, as the board knows it

 private:
  friend class JobQueue;
  ClockGrant(JobQueue& queue, JobOwner by) : queue_(queue), by_(std::move(by)) {}

  JobQueue& queue_;
  const JobOwner by_;
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
  // became true, or the daemon goes down; PermissionDenied: the priority is for admins;
  // Unauthenticated: it was revoked since it asked, here, of TakeLease and of GrantClocks. A token
  // that the client has used before is answered with that job, or AlreadyExists where it is gone.
  absl::StatusOr<v1::JobStatus> Submit(const v1::JobSpec& spec, const UniqueFd& predict_net,
                                       const UniqueFd& init_net,
                                       const std::atomic<bool>* stop = nullptr,
                                       const JobOwner& by = {}) ABSL_LOCKS_EXCLUDED(mutex_);
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
  // NotFound for a run that is not on this device, here and below, with what became of it.
  absl::StatusOr<v1::JobStatus> Get(std::string_view run_id) const
      ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  // Whether it is here and another client's.
  bool IsOthers(std::string_view run_id, const JobOwner& by) const ABSL_LOCKS_EXCLUDED(mutex_);
  // A waiting job ends at once, a running one within 2 s; of an ended one the answer is its status.
  // PermissionDenied, here and below: it is another client's.
  absl::StatusOr<v1::JobStatus> Cancel(std::string_view run_id, const JobOwner& by = {})
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Of a client who may not come any more: cancels all jobs and ends all leases.
  void EndAllOf(const std::string& owner_id) ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  // All chunks below `next_seq` are durable on the host; of an ended run there may be fewer here.
  // Deletes an ended run that is wholly
  // acknowledged.
  absl::Status Acknowledge(std::string_view run_id, uint64_t next_seq, const JobOwner& by = {})
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Leases on the whole device (lease_book.h), and what was evicted.
  absl::StatusOr<v1::DeviceLease> TakeLease(const std::string& id, double for_s, const JobOwner& by)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasLease(std::string_view id) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status ReleaseLease(const std::string& id, const JobOwner& by) ABSL_LOCKS_EXCLUDED(mutex_);
  v1::QueueState Describe() ABSL_LOCKS_EXCLUDED(mutex_);

  const QuotaBook& quotas() const { return quotas_; }
  // What may be taken and is, `by` this client where it is by client.
  v1::QuotaState DescribeQuotas(const JobOwner& by) ABSL_LOCKS_EXCLUDED(mutex_);
  // As of QuotaBook. Records and objects beyond a lower quota go as for any other reason: the
  // oldest records as soon as no job runs, objects when others need their room.
  absl::Status SetQuotas(const v1::SetQuotasRequest& request)
      ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  // Lets this client hold the clocks: as long as the grant lives nobody else's job begins.
  // FailedPrecondition where somebody else's lease keeps it from using the device, and, but for an
  // admin, where somebody else's job runs.
  absl::StatusOr<std::unique_ptr<ClockGrant>> GrantClocks(const JobOwner& by)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Read-only descriptors of the spool, of the truth, of the outputs and of what the engine
  // printed. Unavailable: the job still waits, it has none yet.
  absl::StatusOr<UniqueFd> OpenRun(std::string_view run_id) const
      ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  absl::StatusOr<UniqueFd> OpenTruth(std::string_view run_id) const
      ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  // FailedPrecondition: the job left no outputs.
  absl::StatusOr<UniqueFd> OpenOutputs(std::string_view run_id) const
      ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  absl::StatusOr<UniqueFd> OpenLog(std::string_view run_id) const
      ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);

 private:
  friend class ClockGrant;
  JobQueue(JobQueueOptions options, std::unique_ptr<ObjectStore> objects,
           std::unique_ptr<RunStore> store, JobExecutor& executor, Clock& clock);
  void Recover() ABSL_LOCKS_EXCLUDED(mutex_);
  void RunJobs() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<v1::StoredJob> TakeNext() ABSL_LOCKS_EXCLUDED(mutex_);
  // What ValidateSpecUntrusted says, the board's clocks and its events.
  absl::Status Possible(const v1::JobSpec& spec, bool idle);
  // What can run, with the spec's engine asked again where that is due.
  SpecLimits Limits(const v1::JobSpec& spec, bool idle);
  JobOutcome RunOne(const v1::JobStatus& job) ABSL_LOCKS_EXCLUDED(mutex_);
  void Report(std::string_view run_id, const JobProgress& progress) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(uint64_t number, const JobOutcome& outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  // Tries again what a full disk has kept from it: how jobs ended. Until then a restart would run
  // those again that had not begun.
  void SaveEnds() ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  // The client's job of this token, or that there was one; nothing: it is new.
  std::optional<absl::StatusOr<v1::JobStatus>> FindToken(const v1::JobSpec& spec,
                                                         const JobOwner& by)
      ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  absl::Status RequirePlace(const JobOwner& by) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status RequireMayOwn(const JobOwner& by) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Deletes an ended run, which is in the table no more, and remembers it.
  absl::Status Forget(const v1::StoredJob& job, bool evicted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(files_mutex_);
  uint64_t EndedBytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Evicts the oldest ended runs until the others are within the quota, or only the last is left.
  void KeepQuota() ABSL_LOCKS_EXCLUDED(files_mutex_, mutex_);
  static v1::Quotas DefaultQuotas(const JobQueueOptions& options, const ObjectStore& objects);
  void AdvanceLeases() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const JobQueueOptions options_;
  JobExecutor& executor_;
  Clock& clock_;
  EngineList engines_;
  const std::unique_ptr<ObjectStore> objects_;
  const std::unique_ptr<RunStore> store_;
  QuotaBook quotas_;
  std::atomic<bool> stop_syncing_ = false;  // and hashing
  absl::Mutex submit_mutex_
      ABSL_ACQUIRED_BEFORE(mutex_);  // one submission at a time: keeps the order
  // Held while the files of jobs that do not run are changed, so that mutex_ need not be: the
  // running job reports under that one.
  mutable absl::Mutex files_mutex_ ABSL_ACQUIRED_AFTER(submit_mutex_) ABSL_ACQUIRED_BEFORE(mutex_);
  GoneRuns gone_ ABSL_GUARDED_BY(files_mutex_);
  mutable absl::Mutex mutex_;
  JobTable table_ ABSL_GUARDED_BY(mutex_);
  LeaseBook leases_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<CancelToken> running_ ABSL_GUARDED_BY(mutex_);  // null: nothing runs
  std::vector<const ClockGrant*> clock_grants_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool unsynced_objects_ ABSL_GUARDED_BY(mutex_) = true;   // a dead daemon may have left some
  std::set<std::string> unsaved_ ABSL_GUARDED_BY(mutex_);  // ended runs, but not on the disk
  bool keep_quota_ ABSL_GUARDED_BY(mutex_) = false;        // it may have become lower
  std::jthread thread_;
};

}  // namespace synergy
