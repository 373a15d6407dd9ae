// One thread that does the long work of a session, so that nobody else waits for it.
#pragma once

#include <cstddef>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace synergy {

// Thread-safe.
class WorkLane {
 public:
  // At most `capacity` pieces wait.
  explicit WorkLane(size_t capacity);
  // Drops what waits and returns when the present piece is done.
  ~WorkLane();

  // Done in the order of Push. False: too many wait, and `work` was dropped.
  bool Push(absl::AnyInvocable<void()> work);
  // From now on nothing is begun.
  void Close();

 private:
  void Run();

  const size_t capacity_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<absl::AnyInvocable<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace synergy
