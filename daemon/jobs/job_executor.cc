#include "daemon/jobs/job_executor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace synergy {

CancelToken::CancelToken() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

CancelToken::~CancelToken() {
  if (fd_ >= 0) close(fd_);
}

void CancelToken::Cancel(std::string reason, bool interrupted) {
  if (claimed_.exchange(true)) return;
  reason_ = std::move(reason);
  interrupted_ = interrupted;
  cancelled_.store(true, std::memory_order_release);
  // Without a descriptor (none was left for this process) the runner sees it at its next tick.
  const uint64_t one = 1;
  if (fd_ >= 0 && write(fd_, &one, sizeof(one)) < 0) return;
}

}  // namespace synergy
