// The sampler: one thread per power source, each on absolute deadlines of the injected clock.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/power/power_source.h"
#include "daemon/sampling/reading_sink.h"
#include "daemon/sampling/source_poller.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Reads every source at the same rate, but for those that can only be read less often
// (PowerSource::max_rate_hz): each has its own thread and its own deadlines. A tick whose deadline
// passed while the thread was busy or late is missed: counted, reported as one Gap, never caught
// up. Thread-safe, except that Start and Stop belong to the owner.
class Sampler {
 public:
  static constexpr double kDefaultRateHz = 1000;  // a tick each millisecond
  static constexpr double kLowestRateHz = 0.001;
  static constexpr double kHighestRateHz = 1e6;

  // `clock` outlives the sampler.
  Sampler(std::vector<std::unique_ptr<PowerSource>> sources, Clock& clock);
  ~Sampler();  // stops

  void Start();
  // Returns when no thread runs any more; at once where none does. No Start after Stop.
  void Stop();

  // Virtual time, instead of Start and by one thread: when the source whose turn is next is due,
  // and its tick, once the clock has come so far. Nothing: no source is read any more.
  std::optional<MonotonicTime> NextDue();
  void TickNext();

  // For all sources, from the next tick on. InvalidArgument outside these limits.
  absl::Status SetRate(double hz);
  double rate_hz() const;

  // The CPUs that sampling threads may use; empty: all. Before or after Start.
  absl::Status SetAffinity(const std::vector<int>& cpus);

  // Sinks live until they are removed. After RemoveSink returns, the sink gets no more calls; so it
  // must not be called out of a sink.
  void AddSink(ReadingSink* sink);
  void RemoveSink(ReadingSink* sink);

  // Per source since the last call (or Start). achieved_hz counts the ticks that gave readings;
  // fresh_hz those in which at least one reading came from a new conversion. Where the sensor does
  // not tell, a changed value is taken for a new conversion, so that fresh_hz is a lower bound. The
  // channels' are counted better (channel_books.h), and say themselves whether they are bounds.
  std::vector<v1::SourceStats> TakeStats();

  // OK while the source is read; NotFound while it is gone and looked for; else why its thread gave
  // it up.
  absl::Status source_status(size_t i) const;
  // On the buses of all sources, since Start.
  uint64_t transfers() const;
  // The sources as clients are told of them, with what they found out since they are read: at most
  // a second old.
  std::vector<v1::SourceInfo> DescribeSources() const;
  // Of all sources, a line each (PowerSource::Doubt).
  std::vector<std::string> doubts() const;
  // What this machine did not permit, a line each: real-time priority, say. Empty before Start.
  std::vector<std::string> notes() const;

  const PowerSource& source(size_t i) const;
  size_t source_count() const { return pollers_.size(); }
  Clock& clock() const { return clock_; }

 private:
  void Run(const std::stop_token& stop, SourcePoller& poller);
  SourcePoller* NextPoller();
  void RaisePriority(std::jthread& thread) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  SinkList sinks_;
  std::atomic<double> rate_hz_ = kDefaultRateHz;
  std::vector<std::unique_ptr<SourcePoller>> pollers_;
  std::vector<SourcePoller*> given_up_;  // of virtual time
  mutable absl::Mutex mutex_;
  std::vector<std::string> notes_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> cpus_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
