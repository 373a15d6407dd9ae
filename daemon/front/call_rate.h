// How fast a client may make calls. gRPC 1.51 counts those that are open, not those that it has in
// memory until a thread has looked at them: a client that opens calls and resets them at once has
// none open, and fills the memory.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"

namespace synergy {

// Thread-safe.
class CallRate {
 public:
  // In the long run, and at once where there were none for a while.
  CallRate(double calls_a_second, double at_once, Clock& clock)
      : calls_a_second_(calls_a_second), at_once_(at_once), clock_(clock) {}

  // Counts a call of `caller`, of whom there are few. False: it makes them too fast.
  bool Admit(const std::string& caller) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Room {
    double calls = 0;
    MonotonicTime at;
  };

  const double calls_a_second_, at_once_;
  Clock& clock_;
  absl::Mutex mutex_;
  std::map<std::string, Room> rooms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
