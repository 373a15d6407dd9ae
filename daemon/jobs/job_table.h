// The jobs that a queue knows, in the order of their submission, and who hears of their changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/stored_job.pb.h"

namespace synergy {

// News of jobs, in order. Called with the queue's lock held: returns at once and does not call the
// queue.
class JobListener {
 public:
  virtual ~JobListener() = default;
  virtual void OnJob(const v1::JobStatus& job) = 0;  // new, or its status changed
  virtual void OnRemoved(const std::string& run_id) = 0;
};

// DONE, FAILED or CANCELLED.
bool HasEnded(const v1::JobStatus& status);

// Thread-compatible: the queue's lock guards it.
class JobTable {
 public:
  // From here on `listener` (may be null) hears news; it first hears every job that exists.
  void SetListener(JobListener* listener);

  // Adds the job or replaces the one of its number. Not announced: NumberTheQueue or Announce is.
  v1::StoredJob& Put(v1::StoredJob job);
  // The listener hears that it is gone.
  void Remove(uint64_t number);

  v1::StoredJob& at(uint64_t number) { return jobs_.at(number); }
  const v1::StoredJob& at(uint64_t number) const { return jobs_.at(number); }
  // NotFound where there is no such run.
  absl::StatusOr<uint64_t> Find(std::string_view run_id) const;
  // The oldest that waits; null: none does.
  v1::StoredJob* NextQueued();
  std::vector<std::string> QueuedRunIds() const;
  std::vector<v1::JobStatus> List() const;  // oldest first

  // Gives those that wait their places, and announces each that changed.
  void NumberTheQueue();
  void Announce(const v1::StoredJob& job) const;

 private:
  std::map<uint64_t, v1::StoredJob> jobs_;  // by number
  JobListener* listener_ = nullptr;
};

}  // namespace synergy
