// A mutex for what a real-time thread shares with ordinary ones: who holds it has the priority of
// the highest one that waits for it, so that a busy machine cannot keep the holder from running.
// absl::Mutex spins where another thread is about to queue up; at real-time priority it took the
// CPU from that very thread until the kernel gave the others their 5 %, 0.95 s later.
#pragma once

#include <pthread.h>

#include "absl/base/thread_annotations.h"

namespace synergy {

// For std::lock_guard and the like. Not recursive.
class ABSL_LOCKABLE PriorityMutex {
 public:
  PriorityMutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  PriorityMutex(const PriorityMutex&) = delete;
  PriorityMutex& operator=(const PriorityMutex&) = delete;
  ~PriorityMutex() { pthread_mutex_destroy(&mutex_); }

  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { pthread_mutex_lock(&mutex_); }
  void unlock() ABSL_UNLOCK_FUNCTION() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace synergy
