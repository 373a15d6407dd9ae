// How often, and from when to when, each rail of a run was read: what the verdict must know.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/sampling/reading_sink.h"
#include "daemon/sampling/sampler.h"

namespace synergy {

// Thread-safe. A sink of the sampler from before the first phase to after the last one.
class ReadingTally final : public ReadingSink {
 public:
  explicit ReadingTally(const Sampler& sampler);

  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) override;
  void OnGap(size_t /*source*/, const v1::Gap& /*gap*/) override {}

  // Whether every channel of every source that is still read has a reading that began at `since` or
  // later. `voltages` false: those do not count, for they hardly change.
  bool AllReadSince(MonotonicTime since, bool voltages) const;

  // The readings that began up to now, of each rail's power, current or energy, the rails in the
  // order of the sampler's channels. A rail with several such channels counts the one read most.
  struct Rail {
    std::string rail;
    uint64_t readings = 0;
  };
  std::vector<Rail> Count() const;

 private:
  struct Channel {
    std::string rail;
    bool voltage = false;
    uint64_t readings = 0;
    int64_t last_begin_ns = 0;
  };

  const Sampler& sampler_;
  mutable absl::Mutex mutex_;
  std::vector<std::vector<Channel>> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
