#include "daemon/control/work_lane.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace synergy {

WorkLane::WorkLane(size_t capacity, int nice)
    : capacity_(capacity), thread_([this, nice] { Run(nice); }) {}

WorkLane::~WorkLane() { Close(); }

bool WorkLane::Push(absl::AnyInvocable<void()> work) {
  absl::MutexLock lock(&mutex_);
  if (waiting_.size() >= capacity_) return false;
  waiting_.push_back(std::move(work));
  return true;
}

void WorkLane::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

void WorkLane::Run(int nice) {
  // On Linux a nice value is a thread's own. Where it is refused the work is done all the same.
  if (nice != 0) {
    const auto thread = static_cast<id_t>(gettid());
    setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + nice);
  }
  const auto something = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return closed_ || !waiting_.empty();
  };
  while (true) {
    absl::AnyInvocable<void()> work;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&something));
      if (closed_) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

}  // namespace synergy
