#include "daemon/front/job_book.h"

#include <algorithm>

namespace synergy {

v1::JobStatus TrackedJob::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void TrackedJob::Set(const v1::JobStatus& status) {
  absl::MutexLock lock(&mutex_);
  status_ = status;
}

std::shared_ptr<TrackedJob> JobBook::FindLocked(std::string_view run_id) const {
  const auto found = std::ranges::find(entries_, run_id, &Entry::run_id);
  return found == entries_.end() ? nullptr : found->job;
}

void JobBook::Update(const v1::JobStatus& status) {
  absl::MutexLock lock(&mutex_);
  if (const auto known = FindLocked(status.run_id())) {
    known->Set(status);
  } else {
    entries_.push_back({status.run_id(), std::make_shared<TrackedJob>(status)});
  }
}

void JobBook::AddIfUnknown(const v1::JobStatus& status) {
  absl::MutexLock lock(&mutex_);
  if (FindLocked(status.run_id())) return;
  entries_.push_back({status.run_id(), std::make_shared<TrackedJob>(status)});
}

void JobBook::Remove(std::string_view run_id) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(entries_, [run_id](const Entry& entry) { return entry.run_id == run_id; });
}

std::vector<v1::JobStatus> JobBook::List() const {
  absl::MutexLock lock(&mutex_);
  std::vector<v1::JobStatus> statuses;
  for (const Entry& entry : entries_) statuses.push_back(entry.job->status());
  return statuses;
}

std::shared_ptr<const TrackedJob> JobBook::Find(std::string_view run_id) const {
  absl::MutexLock lock(&mutex_);
  return FindLocked(run_id);
}

}  // namespace synergy
