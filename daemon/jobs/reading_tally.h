// How often, and from when to when, each rail of a run was read: what the verdict must know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/clock.h"
#include "common/priority_mutex.h"
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
  // order of the sampler's channels. A rail with several such channels counts the one read most,
  // and has the shortest window of them; one that can separate is enough.
  struct Rail {
    std::string rail;
    uint64_t readings = 0;
    std::optional<double> window_s = {};  // WindowLength
    uint64_t repeats = 0;                 // of the readings, surely
    bool separates = false;               // CanSeparate
  };
  std::vector<Rail> Count() const;

  // So many conversions that were surely new ones and all gave the same number are no constant
  // rail: where the step is so coarse that noise does not show in one of them, other channels of
  // the same source do not change either.
  static constexpr uint64_t kSureConversions = 300;
  // Sensors that seem to be stuck, a line each: what they said all the time, since the run began.
  std::vector<std::string> NeverChanged() const;

 private:
  struct Channel {
    std::string rail;
    bool voltage = false;
    uint64_t readings = 0;
    int64_t last_begin_ns = 0;
    bool counter = false;
    double scale = 1;
    std::optional<double> window_s = {};
    bool separates = false;
    std::optional<int64_t> first_raw = {};
    bool changed = false;
    uint64_t fresh = 0;  // surely
    // Of those on end with one number: now, and at most. So many, though it changed: noise does not
    // show within a step.
    uint64_t same = 0, most_same = 0;
    std::optional<int64_t> fresh_raw = {};  // of the latest one
    uint64_t repeats = 0;                   // surely
  };
  static bool IsQuiet(const Channel& channel);
  static bool IsStuck(const Channel& channel, bool others_changed);

  const Sampler& sampler_;
  mutable PriorityMutex mutex_;
  std::vector<std::vector<Channel>> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
