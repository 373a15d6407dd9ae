// Tells handlers that something may have changed: a spool file grew, a job's status, or the front
// stops.
#pragma once

#include <cstdint>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/unique_fd.h"

namespace synergy {

// Thread-safe. Look at count(), then at what you wait for, then Wait: nothing is missed.
class News {
 public:
  // `eventfd` (may be shared with other processes) counts as news whenever it becomes readable. One
  // thread waits on it. Without it news come by Publish alone.
  explicit News(UniqueFd eventfd = UniqueFd());
  ~News();
  News(const News&) = delete;
  News& operator=(const News&) = delete;

  uint64_t count() const ABSL_LOCKS_EXCLUDED(mutex_);
  void Publish() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns when count() differs from `seen`, after `patience`, or when the front stops.
  void Wait(uint64_t seen, Nanoseconds patience) const ABSL_LOCKS_EXCLUDED(mutex_);

  // From now on stopped() is true, nobody waits any more and the thread ends.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopped() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns after `patience`, earlier when the front stops.
  void WaitForStop(Nanoseconds patience) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Listen();

  const UniqueFd eventfd_;
  const UniqueFd wake_;  // an eventfd of our own: ends the thread
  mutable absl::Mutex mutex_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace synergy
