// Ends calls whose clients owe a message and send none: each occupies one of the server's threads,
// and an upload keeps others from sending the same object.
#pragma once

#include <functional>
#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"

namespace synergy {

// Thread-safe.
class SilentCalls {
 public:
  explicit SilentCalls(Nanoseconds patience = Seconds(60));
  ~SilentCalls();
  SilentCalls(const SilentCalls&) = delete;
  SilentCalls& operator=(const SilentCalls&) = delete;

  // As long as it lives, a thread waits for its client. `end` is called once, where that takes
  // longer than the patience; then the waiting is to end soon.
  class Wait {
   public:
    Wait(SilentCalls& calls, std::function<void()> end);
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    friend class SilentCalls;
    SilentCalls& calls_;
    std::function<void()> end_;
    const MonotonicTime since_;
  };

 private:
  void Run();

  const Nanoseconds patience_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Wait*> waits_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace synergy
