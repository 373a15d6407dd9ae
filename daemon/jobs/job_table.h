// The jobs that a queue knows, in the order of their submission, and who hears of their changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
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
  // The client's job of this token; null: there is none.
  const v1::StoredJob* FindToken(std::string_view owner_id, std::string_view token) const;
  // The next that is to run; null: none waits that may. Of the highest priority first; of those of
  // one priority those of the client who has had no turn for longest; of his the oldest.
  v1::StoredJob* NextQueued();
  // Its owner has had a turn.
  void TookTurn(const v1::StoredJob& job);
  // From now on only the jobs of a client whom all of these are of may run, and the others wait for
  // the `reason` of the first that is not theirs.
  struct Reserved {
    std::string owner_id;
    std::string reason;
  };
  void Reserve(std::vector<Reserved> reserved) { reserved_ = std::move(reserved); }
  const v1::StoredJob* Running() const;  // null: none does
  std::vector<std::string> QueuedRunIds() const;
  std::vector<std::string> UnendedOf(std::string_view owner_id) const;  // run ids
  size_t CountQueued(std::string_view owner_id) const;
  std::vector<std::string> EndedRunIds() const;  // oldest first
  std::vector<v1::JobStatus> List() const;       // oldest first

  // Those that wait, in the order in which they will run.
  std::vector<v1::StoredJob*> QueueOrder();
  // Gives those that wait their places, and announces each that changed.
  void NumberTheQueue();
  void Announce(const v1::StoredJob& job) const;

 private:
  // Null: nothing does.
  const Reserved* KeepsOut(const v1::StoredJob& job) const;

  std::map<uint64_t, v1::StoredJob> jobs_;  // by number
  std::map<std::string, uint64_t> turns_;   // when each client had his last one: counts them
  uint64_t last_turn_ = 0;
  std::vector<Reserved> reserved_;
  JobListener* listener_ = nullptr;
};

}  // namespace synergy
