#include "daemon/jobs/job_table.h"

#include <utility>

#include "common/printable.h"
#include "daemon/jobs/run_id.h"
#include "fmt/format.h"

namespace synergy {

bool HasEnded(const v1::JobStatus& status) {
  return status.state() == v1::JOB_STATE_DONE || status.state() == v1::JOB_STATE_FAILED ||
         status.state() == v1::JOB_STATE_CANCELLED;
}

void JobTable::SetListener(JobListener* listener) {
  listener_ = listener;
  for (const auto& [number, job] : jobs_) Announce(job);
}

v1::StoredJob& JobTable::Put(v1::StoredJob job) {
  v1::StoredJob& stored = jobs_[job.number()];
  stored = std::move(job);
  return stored;
}

void JobTable::Remove(uint64_t number) {
  if (listener_ != nullptr) listener_->OnRemoved(jobs_.at(number).status().run_id());
  jobs_.erase(number);
}

absl::StatusOr<uint64_t> JobTable::Find(std::string_view run_id) const {
  for (const auto& [number, job] : jobs_) {
    if (job.status().run_id() == run_id) return number;
  }
  return absl::NotFoundError(
      fmt::format("There is no run '{}' on this device", Printable(run_id, kMaxRunIdBytes)));
}

v1::StoredJob* JobTable::NextQueued() {
  for (auto& [number, job] : jobs_) {
    if (job.status().state() == v1::JOB_STATE_QUEUED) return &job;
  }
  return nullptr;
}

std::vector<std::string> JobTable::QueuedRunIds() const {
  std::vector<std::string> run_ids;
  for (const auto& [number, job] : jobs_) {
    if (job.status().state() == v1::JOB_STATE_QUEUED) run_ids.push_back(job.status().run_id());
  }
  return run_ids;
}

std::vector<v1::JobStatus> JobTable::List() const {
  std::vector<v1::JobStatus> list;
  for (const auto& [number, job] : jobs_) list.push_back(job.status());
  return list;
}

void JobTable::NumberTheQueue() {
  uint32_t position = 0;
  for (auto& [number, job] : jobs_) {
    if (job.status().state() != v1::JOB_STATE_QUEUED) continue;
    ++position;
    if (job.status().queue_position() == position) continue;
    job.mutable_status()->set_queue_position(position);
    Announce(job);
  }
}

void JobTable::Announce(const v1::StoredJob& job) const {
  if (listener_ != nullptr) listener_->OnJob(job.status());
}

}  // namespace synergy
