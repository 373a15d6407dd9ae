#include "daemon/front/news.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "absl/time/time.h"

namespace synergy {

News::News(UniqueFd eventfd)
    : eventfd_(std::move(eventfd)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (eventfd_.ok()) thread_ = std::jthread([this] { Listen(); });
}

News::~News() { Stop(); }

uint64_t News::count() const {
  absl::MutexLock lock(&mutex_);
  return count_;
}

void News::Publish() {
  absl::MutexLock lock(&mutex_);
  ++count_;
}

void News::Wait(uint64_t seen, Nanoseconds patience) const {
  absl::MutexLock lock(&mutex_);
  const auto ready = [this, seen]()
                         ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopped_ || count_ != seen; };
  mutex_.AwaitWithTimeout(absl::Condition(&ready), absl::Nanoseconds(patience.count));
}

void News::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  eventfd_write(wake_.get(), 1);
}

bool News::stopped() const {
  absl::MutexLock lock(&mutex_);
  return stopped_;
}

void News::WaitForStop(Nanoseconds patience) const {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopped_), absl::Nanoseconds(patience.count));
}

void News::Listen() {
  while (!stopped()) {
    pollfd pollers[2] = {{.fd = eventfd_.get(), .events = POLLIN, .revents = 0},
                         {.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    if (poll(pollers, 2, -1) < 0) continue;  // EINTR
    if (pollers[0].revents == 0) continue;
    // Another process may have emptied the counter first (a front that is being replaced): the
    // value does not matter, and the descriptor is non-blocking as its owner made it.
    eventfd_t value = 0;
    if (eventfd_read(eventfd_.get(), &value) == 0) Publish();
  }
}

}  // namespace synergy
