// Who takes what the sampler reads.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/power/power_source.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Called from the source's sampling thread, for one source never from two threads at once. Must
// neither block nor make a system call that can.
class ReadingSink {
 public:
  virtual ~ReadingSink() = default;
  // `source` is the index in the sampler; at least one reading, in the order in which they were
  // read.
  virtual void OnReadings(size_t source, const std::vector<ChannelReading>& readings) = 0;
  virtual void OnGap(size_t source, const v1::Gap& gap) = 0;
};

// The sinks of a sampler. Thread-safe; sources do not wait for each other.
class SinkList {
 public:
  void Add(ReadingSink* sink) {
    absl::MutexLock lock(&mutex_);
    sinks_.push_back(sink);
  }
  // Waits until no call into any sink runs.
  void Remove(ReadingSink* sink) {
    absl::MutexLock lock(&mutex_);
    std::erase(sinks_, sink);
  }
  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) {
    absl::ReaderMutexLock lock(&mutex_);
    for (ReadingSink* sink : sinks_) sink->OnReadings(source, readings);
  }
  void OnGap(size_t source, const v1::Gap& gap) {
    absl::ReaderMutexLock lock(&mutex_);
    for (ReadingSink* sink : sinks_) sink->OnGap(source, gap);
  }

 private:
  absl::Mutex mutex_;
  std::vector<ReadingSink*> sinks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
