// One power source on its grid of deadlines: reads it, tells the sinks, keeps the books. Without a
// thread of its own, so that virtual time can drive it too.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "common/clock.h"
#include "common/priority_mutex.h"
#include "daemon/power/power_source.h"
#include "daemon/sampling/channel_books.h"
#include "daemon/sampling/reading_sink.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// The ticks of a source: tick k is due at origin + k * period and lasts until the next one is due.
// A tick for which nothing was taken while it lasted is missed; so no tick is ever caught up.
class TickGrid {
 public:
  TickGrid(MonotonicTime origin, Nanoseconds period) : origin_(origin), period_(period) {}

  struct Missed {
    uint64_t count = 0;
    MonotonicTime first_due;
    MonotonicTime end;  // when the tick that was taken instead was due
  };
  // Takes the tick that lasts at `now`, which is not before NextDue. Says what was missed since the
  // last.
  Missed Take(MonotonicTime now);
  MonotonicTime NextDue() const { return Due(last_ + 1); }
  Nanoseconds period() const { return period_; }

 private:
  MonotonicTime Due(int64_t tick) const { return origin_ + period_ * tick; }

  MonotonicTime origin_;
  Nanoseconds period_;
  int64_t last_ = -1;  // the tick taken last
};

// One thread polls (NextDue, Tick); everything else is thread-safe.
class SourcePoller {
 public:
  // `clock` and `sinks` outlive the poller.
  SourcePoller(size_t index, std::unique_ptr<PowerSource> source, Clock& clock, SinkList& sinks);

  // From the next tick on, on a new grid. A source that cannot be read so often is read as often as
  // it can be (PowerSource::max_rate_hz).
  void SetPeriod(Nanoseconds period) { period_ns_.store(period.count); }

  MonotonicTime NextDue();
  // Reads the source once. Not before NextDue. False: the source is given up, see status().
  bool Tick();

  // See Sampler::TakeStats.
  v1::SourceStats TakeStats();
  // Of the source's bus, as far as that is known (PowerSource::transfers), since it is polled.
  uint64_t transfers() const { return transfers_.load(std::memory_order_relaxed); }
  // Why the source is not read now: given up, or gone and looked for. OK otherwise.
  absl::Status status() const;
  // As clients are told of it; what it found out while it was read is at most kDescribeInterval
  // old.
  v1::SourceInfo Describe() const;
  // PowerSource::Doubt, as of up to a second ago.
  std::string doubt() const;
  static constexpr Nanoseconds kDescribeInterval = Seconds(1);
  const PowerSource& source() const { return *source_; }

 private:
  // What was counted since `since`.
  struct Books {
    MonotonicTime since;
    // `failed`: a read failed, though others of the tick may not; `answered`: it gave readings.
    uint64_t ticks = 0, missed = 0, failed = 0, answered = 0, fresh = 0;
  };

  // What was asked for, as far as the source goes along.
  Nanoseconds Period() const;
  // Once an interval: only this thread may ask the source.
  void UpdateDescription(MonotonicTime now);
  void ReportMissed(const TickGrid::Missed& missed);
  void ReportFailed(MonotonicTime begin, const absl::Status& status);
  // Whether a reading of this tick came from a new conversion, as far as can be known.
  bool CountReadings() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t index_;
  const std::unique_ptr<PowerSource> source_;
  Clock& clock_;
  SinkList& sinks_;
  std::atomic<int64_t> period_ns_;
  std::atomic<int64_t> used_period_ns_;  // of the grid
  std::atomic<uint64_t> transfers_ = 0;

  // Of the polling thread.
  std::optional<TickGrid> grid_;
  int64_t asked_ns_ = 0;  // period_ns_ when the grid was made
  std::vector<ChannelReading> readings_;
  MonotonicTime describe_due_;

  mutable PriorityMutex mutex_;
  Books books_ ABSL_GUARDED_BY(mutex_);
  std::vector<ChannelBooks> channels_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  v1::SourceInfo description_ ABSL_GUARDED_BY(mutex_);
  std::string doubt_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
