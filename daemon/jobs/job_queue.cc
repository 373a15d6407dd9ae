#include "daemon/jobs/job_queue.h"

#include <algorithm>
#include <utility>

#include "common/fair_share.h"
#include "common/roles.h"
#include "daemon/jobs/run_closing.h"
#include "daemon/jobs/run_files.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr char kDaemonStopped[] = "the daemon stopped while this job ran";

// One line of the log. Names are printable: they were validated.
void LogSubmitted(const v1::JobStatus& job) {
  const v1::JobSpec& spec = job.spec();
  spdlog::info("run {}: submitted: {} on {}, {} iterations, {} threads", job.run_id(),
               spec.net_name(), spec.engine(), spec.iterations(), spec.threads());
}

bool WhollyAcknowledged(const v1::JobStatus& status) {
  return HasEnded(status) && status.chunks() > 0 && status.acknowledged() >= status.chunks();
}

}  // namespace

JobQueue::JobQueue(JobQueueOptions options, std::unique_ptr<ObjectStore> objects,
                   std::unique_ptr<RunStore> store, JobExecutor& executor, Clock& clock)
    : options_(std::move(options)),
      executor_(executor),
      clock_(clock),
      engines_(options_.limits.engines, options_.limits.libexec_dir, options_.ask_engine),
      objects_(std::move(objects)),
      store_(std::move(store)),
      quotas_(options_.state_dir + "/quotas.pb", DefaultQuotas(options_, *objects_)),
      gone_(options_.state_dir + "/gone.pb"),
      leases_(options_.state_dir + "/leases.pb", options_.boot_id, clock) {}

absl::StatusOr<std::unique_ptr<JobQueue>> JobQueue::Open(JobQueueOptions options,
                                                         JobExecutor& executor, Clock& clock) {
  absl::StatusOr<std::unique_ptr<ObjectStore>> objects =
      ObjectStore::Open(options.state_dir + "/objects", options.objects);
  if (!objects.ok()) return objects.status();
  absl::StatusOr<std::unique_ptr<RunStore>> store =
      RunStore::Open(options.state_dir, objects->get());
  if (!store.ok()) return store.status();
  std::unique_ptr<JobQueue> queue(
      new JobQueue(std::move(options), *std::move(objects), *std::move(store), executor, clock));
  queue->objects_->SetQuota(queue->quotas_.limits().objects_bytes());
  queue->Recover();
  return queue;
}

JobQueue::~JobQueue() { Stop(); }

void JobQueue::Recover() {
  std::vector<v1::StoredJob> jobs = store_->Load();
  absl::MutexLock files(&files_mutex_);
  absl::MutexLock lock(&mutex_);
  for (v1::StoredJob& job : jobs) {
    v1::JobStatus& status = *job.mutable_status();
    if (status.state() == v1::JOB_STATE_RUNNING) {
      spdlog::warn("The run {} was running when the daemon stopped: closing it", status.run_id());
      status.set_interrupted(true);
      const absl::Status closed = CloseRun(options_.board, v1::JOB_STATE_FAILED, kDaemonStopped,
                                           clock_, store_.get(), &job);
      if (!closed.ok()) unsaved_.insert(status.run_id());
    }
    if (WhollyAcknowledged(status)) {
      const absl::Status removed = Forget(job, /*evicted=*/false);
      if (!removed.ok()) spdlog::warn("{}", removed.ToString());
      continue;
    }
    if (HasEnded(status)) {
      store_->ReleaseObjects(status);
      table_.TookTurn(job);
    }
    table_.Put(std::move(job));
  }
  AdvanceLeases();
  store_->Sync();
}

void JobQueue::SetListener(JobListener* listener) {
  absl::MutexLock lock(&mutex_);
  table_.SetListener(listener);
}

void JobQueue::Start() {
  thread_ = std::jthread([this] { RunJobs(); });
}

void JobQueue::Stop() {
  store_->StopAdding();
  stop_syncing_ = true;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (running_ != nullptr) running_->Cancel("the daemon was stopped", /*interrupted=*/true);
  }
  if (thread_.joinable()) thread_.join();
}

SpecLimits JobQueue::Limits(const v1::JobSpec& spec, bool idle) {
  SpecLimits limits = options_.limits;
  limits.engines = engines_.For(spec.engine(), idle);
  return limits;
}

absl::Status JobQueue::Possible(const v1::JobSpec& spec, bool idle) {
  absl::Status valid = ValidateSpecUntrusted(spec, Limits(spec, idle));
  if (valid.ok() && options_.check_events) valid = options_.check_events(spec);
  if (!valid.ok() || !spec.has_clocks() || !options_.check_clocks) return valid;
  return options_.check_clocks(spec.clocks());
}

std::optional<absl::StatusOr<v1::JobStatus>> JobQueue::FindToken(const v1::JobSpec& spec,
                                                                 const JobOwner& by) {
  if (spec.token().empty() || !ValidateTokenUntrusted(spec.token()).ok()) return std::nullopt;
  absl::MutexLock files(&files_mutex_);
  if (const std::optional<std::string> gone = gone_.Find(by.id, spec.token())) {
    return absl::AlreadyExistsError(fmt::format(
        "This job was submitted before and is gone: it was the run {}, whose records were "
        "acknowledged or evicted",
        *gone));
  }
  absl::MutexLock lock(&mutex_);
  const v1::StoredJob* job = table_.FindToken(by.id, spec.token());
  if (job == nullptr) return std::nullopt;
  return job->status();
}

absl::Status JobQueue::RequirePlace(const JobOwner& by) const {
  const size_t most = quotas_.limits().jobs_per_client();
  absl::MutexLock lock(&mutex_);
  const size_t own = table_.CountQueued(by.id), all = table_.QueuedRunIds().size();
  if (own < most && all < options_.capacity && LeavesAShare(own + 1, options_.capacity - all - 1)) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(fmt::format(
      "Queueing the job: {} jobs wait already{}; try again when one has ended, or cancel one",
      own < most ? all : own,
      own < most ? "" : ", which is what one client may have (synergyctl quota)"));
}

absl::StatusOr<v1::JobStatus> JobQueue::Submit(const v1::JobSpec& spec, const UniqueFd& predict_net,
                                               const UniqueFd& init_net,
                                               const std::atomic<bool>* stop, const JobOwner& by) {
  v1::JobSpec known = spec;
  known.DiscardUnknownFields();  // nobody validates those, and they could fill every message
  if (auto before = FindToken(known, by)) return *std::move(before);
  if (absl::Status valid = Possible(known, !IsRunningAJob()); !valid.ok()) return valid;
  if (known.priority() > 0) {
    absl::Status may = CheckRole(v1::ROLE_ADMIN, by.role, "A priority above 0",
                                 /*paired=*/!by.id.starts_with("uid:"));
    if (!may.ok()) return may;
  }
  absl::MutexLock submission(&submit_mutex_);
  // Sent again while the first was being taken.
  if (auto before = FindToken(known, by)) return *std::move(before);
  if (absl::Status place = RequirePlace(by); !place.ok()) return place;
  std::vector<std::string> waiting;
  {
    absl::MutexLock lock(&mutex_);
    waiting = table_.QueuedRunIds();
  }
  if (absl::Status room = store_->RequireRoom(waiting, predict_net, init_net); !room.ok()) {
    return room;
  }
  absl::StatusOr<v1::StoredJob> job =
      store_->Add(known, by, predict_net, init_net, options_.space, stop);
  if (!job.ok()) return job.status();
  absl::Status may_own;
  {
    absl::MutexLock lock(&mutex_);
    may_own = RequireMayOwn(by);
    if (may_own.ok()) {
      const v1::StoredJob& queued = table_.Put(*std::move(job));
      LogSubmitted(queued.status());
      table_.NumberTheQueue();  // announces it
      return queued.status();
    }
  }
  store_->ReleaseObjects(job->status());
  const absl::Status removed = store_->Remove(job->status().run_id());
  if (!removed.ok()) spdlog::warn("{}", removed.ToString());
  return may_own;
}

absl::StatusOr<ObjectState> JobQueue::QueryObject(const v1::ObjectRef& object,
                                                  const std::atomic<bool>* stop) {
  return objects_->QueryUntrusted(object, stop);
}

absl::StatusOr<ObjectState> JobQueue::AppendObject(const v1::ObjectRef& object, uint64_t offset,
                                                   const UniqueFd& file,
                                                   const std::atomic<bool>* stop) {
  const absl::StatusOr<ObjectState> state = objects_->AppendUntrusted(object, offset, file, stop);
  if (!state.ok() || !state->complete) return state;
  absl::MutexLock lock(&mutex_);
  unsynced_objects_ = true;
  return state;
}

bool JobQueue::IsRunningAJob() const {
  absl::MutexLock lock(&mutex_);
  return running_ != nullptr;
}

std::vector<v1::EngineInfo> JobQueue::DescribeEngines(const std::string& wanted) {
  const bool ask = engines_.IsToBeAsked(wanted);
  std::vector<v1::EngineInfo> infos;
  for (const InstalledEngine& engine :
       ask ? engines_.For(wanted, !IsRunningAJob()) : engines_.Known()) {
    infos.push_back(DescribeEngine(engine, options_.limits.cpus));
  }
  return infos;
}

std::vector<v1::JobStatus> JobQueue::List() const {
  absl::MutexLock lock(&mutex_);
  return table_.List();
}

absl::StatusOr<v1::JobStatus> JobQueue::Get(std::string_view run_id) const {
  {
    absl::MutexLock lock(&mutex_);
    const absl::StatusOr<uint64_t> number = table_.Find(run_id);
    if (number.ok()) return table_.at(*number).status();
  }
  absl::MutexLock files(&files_mutex_);
  return gone_.WhyGone(run_id);
}

bool JobQueue::IsOthers(std::string_view run_id, const JobOwner& by) const {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<uint64_t> number = table_.Find(run_id);
  if (!number.ok()) return false;
  const std::string& owner_id = table_.at(*number).owner_id();
  return !owner_id.empty() && owner_id != by.id;
}

absl::StatusOr<v1::JobStatus> JobQueue::Cancel(std::string_view run_id, const JobOwner& by) {
  absl::MutexLock files(&files_mutex_);
  uint64_t number = 0;
  v1::StoredJob job;
  {
    absl::MutexLock lock(&mutex_);
    const absl::StatusOr<uint64_t> found = table_.Find(run_id);
    if (!found.ok()) return gone_.WhyGone(run_id);
    number = *found;
    v1::JobStatus& status = *table_.at(number).mutable_status();
    absl::Status own =
        CheckOwner(by, table_.at(number).owner_id(), status.owner(), "Cancelling a job");
    if (!own.ok()) return own;
    if (status.state() == v1::JOB_STATE_RUNNING) running_->Cancel("cancelled on request");
    if (status.state() != v1::JOB_STATE_QUEUED) return status;
    status.set_state(v1::JOB_STATE_CANCELLED);  // it will not be taken any more
    job = table_.at(number);
  }
  store_->ReleaseObjects(job.status());
  const absl::Status closed = CloseRun(options_.board, v1::JOB_STATE_CANCELLED,
                                       "cancelled before it ran", clock_, store_.get(), &job);
  absl::MutexLock lock(&mutex_);
  if (!closed.ok()) unsaved_.insert(job.status().run_id());
  const v1::StoredJob& cancelled = table_.Put(std::move(job));
  table_.Announce(cancelled);
  table_.NumberTheQueue();
  return cancelled.status();
}

void JobQueue::EndAllOf(const std::string& owner_id) {
  std::vector<std::string> runs;
  {
    absl::MutexLock lock(&mutex_);
    if (leases_.ReleaseAllOf(owner_id)) AdvanceLeases();
    runs = table_.UnendedOf(owner_id);
  }
  for (const std::string& run_id : runs) {
    const absl::StatusOr<v1::JobStatus> cancelled = Cancel(run_id);
    if (!cancelled.ok()) spdlog::warn("Cancelling {}: {}", run_id, cancelled.status().ToString());
  }
}

absl::Status JobQueue::Acknowledge(std::string_view run_id, uint64_t next_seq, const JobOwner& by) {
  absl::MutexLock files(&files_mutex_);
  v1::StoredJob job;
  {
    absl::MutexLock lock(&mutex_);
    const absl::StatusOr<uint64_t> number = table_.Find(run_id);
    if (!number.ok()) return gone_.WhyGone(run_id);
    v1::JobStatus& status = *table_.at(*number).mutable_status();
    absl::Status own =
        CheckOwner(by, table_.at(*number).owner_id(), status.owner(), "Acknowledging a run");
    if (!own.ok()) return own;
    // A running job has more chunks than its last progress report said. An ended one can have fewer
    // than the host: its last ones were lost in a crash. Refusing would keep it for good.
    if (HasEnded(status) && next_seq > status.chunks()) {
      spdlog::warn("The host has {} chunks of {} and this device {}: taken as all of them",
                   next_seq, status.run_id(), status.chunks());
      next_seq = status.chunks();
    }
    status.set_acknowledged(std::max(status.acknowledged(), next_seq));
    if (!HasEnded(status)) return absl::OkStatus();
    job = table_.at(*number);
    if (WhollyAcknowledged(status)) table_.Remove(*number);
  }
  // Not synced: what a crash forgets the host tells again.
  return WhollyAcknowledged(job.status()) ? Forget(job, /*evicted=*/false)
                                          : store_->Save(job, false);
}

absl::StatusOr<UniqueFd> JobQueue::OpenRun(std::string_view run_id) const {
  const absl::StatusOr<v1::JobStatus> status = Get(run_id);
  if (!status.ok()) return status.status();
  return OpenRecordsOf(*status, store_->Folder(run_id));
}

absl::StatusOr<UniqueFd> JobQueue::OpenTruth(std::string_view run_id) const {
  const absl::StatusOr<v1::JobStatus> status = Get(run_id);
  if (!status.ok()) return status.status();
  return OpenTruthOf(*status, store_->Folder(run_id));
}

absl::StatusOr<UniqueFd> JobQueue::OpenOutputs(std::string_view run_id) const {
  const absl::StatusOr<v1::JobStatus> status = Get(run_id);
  if (!status.ok()) return status.status();
  return OpenOutputsOf(*status, store_->Folder(run_id));
}

absl::StatusOr<UniqueFd> JobQueue::OpenLog(std::string_view run_id) const {
  const absl::StatusOr<v1::JobStatus> status = Get(run_id);
  if (!status.ok()) return status.status();
  return OpenLogOf(*status, store_->Folder(run_id));
}

}  // namespace synergy
