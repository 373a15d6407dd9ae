#include "daemon/control/work_lane.h"

#include <utility>

namespace synergy {

WorkLane::WorkLane(size_t capacity) : capacity_(capacity), thread_([this] { Run(); }) {}

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

void WorkLane::Run() {
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
