// JobQueue: what is kept of ended runs and for how long, and whose the device is. The rest is in
// job_queue.cc and job_queue_thread.cc.
#include <sys/statvfs.h>

#include <algorithm>
#include <utility>

#include "daemon/jobs/job_queue.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

uint64_t QuarterOfDisk(const std::string& path) {
  struct statvfs disk = {};
  if (statvfs(path.c_str(), &disk) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(disk.f_blocks) * disk.f_frsize / 4;
}

}  // namespace

absl::Status JobQueue::Forget(const v1::StoredJob& job, bool evicted) {
  const std::string& run_id = job.status().run_id();
  const absl::Status noted = gone_.Add(job, evicted, store_->BytesOf(run_id), false);
  // Of an acknowledged run nothing is lost but what keeps its token from being used again.
  if (!noted.ok()) spdlog::warn("Noting that {} is gone: {}", run_id, noted.ToString());
  if (!noted.ok() && evicted) return noted;
  return store_->Remove(run_id);
}

uint64_t JobQueue::EndedBytes() const {
  std::vector<std::string> ended;
  {
    absl::MutexLock lock(&mutex_);
    ended = table_.EndedRunIds();
  }
  uint64_t bytes = 0;
  for (const std::string& run_id : ended) bytes += store_->BytesOf(run_id);
  return bytes;
}

void JobQueue::KeepQuota() {
  absl::MutexLock files(&files_mutex_);
  const uint64_t quota_bytes = quotas_.limits().records_bytes();
  while (EndedBytes() > quota_bytes) {
    v1::StoredJob job;
    {
      absl::MutexLock lock(&mutex_);
      const std::vector<std::string> ended = table_.EndedRunIds();
      if (ended.size() < 2) return;
      job = table_.at(*table_.Find(ended.front()));
    }
    spdlog::warn(
        "The records of ended runs take more than {} MiB: evicting {} of {}, of which {} "
        "of {} chunks were acknowledged",
        quota_bytes >> 20, job.status().run_id(), job.status().owner(), job.status().acknowledged(),
        job.status().chunks());
    const absl::Status evicted = Forget(job, /*evicted=*/true);
    if (!evicted.ok()) return spdlog::error("Evicting: {}", evicted.ToString());
    if (options_.on_evicted) options_.on_evicted(job.status());
    absl::MutexLock lock(&mutex_);
    table_.Remove(job.number());
  }
}

void JobQueue::AdvanceLeases() {
  const v1::StoredJob* running = table_.Running();
  std::vector<LeaseBook::Reserved> uses;
  if (running != nullptr) uses.push_back({running->owner_id(), "the end of the running job"});
  std::vector<JobTable::Reserved> reserved;
  for (const ClockGrant* grant : clock_grants_) {
    const std::string text = fmt::format("the clocks of {}", grant->by_.name);
    uses.push_back({grant->by_.id, text});
    reserved.push_back({grant->by_.id, text});
  }
  leases_.Advance(uses);
  // Where it waits for somebody's clocks his jobs go on: he may hold them until these have ended.
  const std::optional<LeaseBook::Reserved> lease = leases_.reserved();
  const bool others_clocks =
      lease && std::ranges::any_of(clock_grants_, [&](const ClockGrant* grant) {
        return grant->by_.id != lease->owner_id;
      });
  if (lease && !others_clocks) reserved.insert(reserved.begin(), {lease->owner_id, lease->text});
  table_.Reserve(std::move(reserved));
  table_.NumberTheQueue();
}

absl::Status JobQueue::RequireMayOwn(const JobOwner& by) const {
  if (!options_.may_own || options_.may_own(by.id)) return absl::OkStatus();
  return absl::UnauthenticatedError("This board has revoked the client: pair again");
}

absl::StatusOr<v1::DeviceLease> JobQueue::TakeLease(const std::string& id, double for_s,
                                                    const JobOwner& by) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status may_own = RequireMayOwn(by); !may_own.ok()) return may_own;
  absl::StatusOr<v1::DeviceLease> lease = leases_.TakeUntrusted(id, for_s, by);
  if (!lease.ok()) return lease;
  AdvanceLeases();
  return leases_.TakeUntrusted(id, for_s, by);
}

bool JobQueue::HasLease(std::string_view id) const {
  absl::MutexLock lock(&mutex_);
  return leases_.Has(id);
}

absl::Status JobQueue::ReleaseLease(const std::string& id, const JobOwner& by) {
  absl::MutexLock lock(&mutex_);
  absl::Status released = leases_.Release(id, by);
  AdvanceLeases();
  return released;
}

v1::QueueState JobQueue::Describe() {
  v1::QueueState state;
  state.set_records_bytes(EndedBytes());
  state.set_records_quota_bytes(quotas_.limits().records_bytes());
  absl::MutexLock files(&files_mutex_);
  for (v1::EvictedRun& run : gone_.Evicted()) *state.add_evicted() = std::move(run);
  absl::MutexLock lock(&mutex_);
  AdvanceLeases();
  for (v1::DeviceLease& lease : leases_.Describe()) *state.add_leases() = std::move(lease);
  return state;
}

absl::StatusOr<std::unique_ptr<ClockGrant>> JobQueue::GrantClocks(const JobOwner& by) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status may_own = RequireMayOwn(by); !may_own.ok()) return may_own;
  AdvanceLeases();
  const std::optional<LeaseBook::Reserved> reserved = leases_.reserved();
  if (reserved && reserved->owner_id != by.id) {
    return absl::FailedPreconditionError(fmt::format(
        "The board is kept for another client by {}: synergyctl jobs shows for how long",
        reserved->text));
  }
  const v1::StoredJob* running = table_.Running();
  if (running != nullptr && running->owner_id() != by.id && by.role != v1::ROLE_ADMIN) {
    return absl::FailedPreconditionError(fmt::format(
        "The board runs a job of {}, whose clocks an admin alone may move: wait until it has ended "
        "(synergyctl jobs shows it), or keep the board for yourself (synergyctl lease take --wait)",
        running->status().owner()));
  }
  std::unique_ptr<ClockGrant> grant(new ClockGrant(*this, by));
  clock_grants_.push_back(grant.get());
  AdvanceLeases();
  return grant;
}

ClockGrant::~ClockGrant() {
  absl::MutexLock lock(&queue_.mutex_);
  std::erase(queue_.clock_grants_, this);
  queue_.AdvanceLeases();
}

v1::Quotas JobQueue::DefaultQuotas(const JobQueueOptions& options, const ObjectStore& objects) {
  v1::Quotas quotas;
  quotas.set_records_bytes(options.records_quota_bytes > 0 ? options.records_quota_bytes
                                                           : QuarterOfDisk(options.state_dir));
  quotas.set_objects_bytes(objects.quota_bytes());
  quotas.set_jobs_per_client(options.capacity_per_client);
  quotas.set_watch_rate_hz(options.watch_rate_hz);
  return quotas;
}

v1::QuotaState JobQueue::DescribeQuotas(const JobOwner& by) {
  v1::QuotaState state = quotas_.Describe();
  state.set_records_bytes(EndedBytes());
  state.set_objects_bytes(objects_->used_bytes());
  absl::MutexLock lock(&mutex_);
  state.set_jobs_waiting(static_cast<uint32_t>(table_.CountQueued(by.id)));
  return state;
}

absl::Status JobQueue::SetQuotas(const v1::SetQuotasRequest& request) {
  absl::MutexLock files(&files_mutex_);
  if (absl::Status set = quotas_.SetUntrusted(request); !set.ok()) return set;
  objects_->SetQuota(quotas_.limits().objects_bytes());
  absl::MutexLock lock(&mutex_);
  keep_quota_ = true;
  return absl::OkStatus();
}

}  // namespace synergy
