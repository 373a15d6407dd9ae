// The front's copy of the statuses of all jobs, kept up to date by news from the root side.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

inline bool HasEnded(const v1::JobStatus& job) {
  return job.state() == v1::JOB_STATE_DONE || job.state() == v1::JOB_STATE_FAILED ||
         job.state() == v1::JOB_STATE_CANCELLED;
}

// A job's last status; readable as long as somebody holds it, also when the device has forgotten
// the run. Thread-safe.
class TrackedJob {
 public:
  explicit TrackedJob(v1::JobStatus status) : status_(std::move(status)) {}
  v1::JobStatus status() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Set(const v1::JobStatus& status) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  v1::JobStatus status_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe.
class JobBook {
 public:
  // News: a new job, or a known one's present status.
  void Update(const v1::JobStatus& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // The answer to a submission, which may come after news that know better.
  void AddIfUnknown(const v1::JobStatus& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(std::string_view run_id) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<v1::JobStatus> List() const ABSL_LOCKS_EXCLUDED(mutex_);  // in the order of arrival
  // Null: there is no such run.
  std::shared_ptr<const TrackedJob> Find(std::string_view run_id) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    std::string run_id;
    std::shared_ptr<TrackedJob> job;
  };
  std::shared_ptr<TrackedJob> FindLocked(std::string_view run_id) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // a few dozen: searched from end to end
};

}  // namespace synergy
