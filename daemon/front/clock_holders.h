// The leases on the clocks that calls hold now, by their ids, and which of them shall end.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace synergy {

// Thread-safe.
class ClockHolders {
 public:
  // One of them, as long as this lives. Does not outlive the ClockHolders.
  class Holder {
   public:
    Holder(ClockHolders& holders, std::string id) : holders_(holders), id_(std::move(id)) {
      const absl::MutexLock lock(&holders_.mutex_);
      holders_.shall_end_[id_] = false;
    }
    ~Holder() {
      const absl::MutexLock lock(&holders_.mutex_);
      holders_.shall_end_.erase(id_);
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    bool ShallEnd() const {
      const absl::MutexLock lock(&holders_.mutex_);
      return holders_.shall_end_.at(id_);
    }

   private:
    ClockHolders& holders_;
    const std::string id_;
  };

  // False: no call holds it.
  bool End(const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    const auto holder = shall_end_.find(id);
    if (holder == shall_end_.end()) return false;
    holder->second = true;
    return true;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, bool> shall_end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
