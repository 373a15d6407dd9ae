// What clients may take of this board: what synergyd was started with, and over it what an admin
// has set, which stays over restarts until it is reset (STATE/quotas.pb).
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "synergy/v1/quotas.pb.h"

namespace synergy {

// Points of live power a second: a figure to watch, no side channel.
inline constexpr double kDefaultWatchRateHz = 10;

// Thread-safe.
class QuotaBook {
 public:
  // `defaults`: all of them. Reads what was set; a file that cannot be read is logged, and what it
  // held is not set any more.
  QuotaBook(std::string path, v1::Quotas defaults);

  // Those that hold: all of them.
  v1::Quotas limits() const ABSL_LOCKS_EXCLUDED(mutex_);
  // All but what is used.
  v1::QuotaState Describe() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Holds on return, and is on the disk, also while a job measures: it is a small file, and rare.
  // InvalidArgument: a value, or there is nothing to set; or the file's error: nothing has changed.
  absl::Status SetUntrusted(const v1::SetQuotasRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::string path_;
  const v1::Quotas defaults_;
  mutable absl::Mutex mutex_;
  v1::Quotas set_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
