// Who takes what the sampler reads.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/priority_mutex.h"
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
  explicit SinkList(size_t sources = 1) : in_use_(sources) {}

  void Add(ReadingSink* sink) {
    Change([&] { sinks_.push_back(sink); });
  }
  // Waits until no call into any sink runs.
  void Remove(ReadingSink* sink) {
    Change([&] { std::erase(sinks_, sink); });
  }
  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) {
    const std::lock_guard lock(in_use_[source]);
    for (ReadingSink* sink : sinks_) sink->OnReadings(source, readings);
  }
  void OnGap(size_t source, const v1::Gap& gap) {
    const std::lock_guard lock(in_use_[source]);
    for (ReadingSink* sink : sinks_) sink->OnGap(source, gap);
  }

 private:
  template <typename Use>
  void Change(Use use) {
    for (PriorityMutex& one : in_use_) one.lock();
    use();
    for (PriorityMutex& one : in_use_) one.unlock();
  }

  std::vector<PriorityMutex> in_use_;  // by source; all of them to change the list
  std::vector<ReadingSink*> sinks_;
};

}  // namespace synergy
