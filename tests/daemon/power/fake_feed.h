// An engine's activity as a script, told the way a job runner tells it.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "daemon/power/board_simulation.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Knows everything that ends or runs at the clock's present. Not thread-safe.
class FakeFeed final : public ActivityFeed {
 public:
  explicit FakeFeed(Clock& clock) : clock_(clock) {}

  void Add(uint32_t op, MonotonicTime begin, MonotonicTime end, uint32_t iteration = 0,
           uint8_t phase = v1::PHASE_MEASURE, uint16_t thread = 0) {
    script_.push_back({.begin_ns = begin.ns,
                       .end_ns = end.ns,
                       .op = op,
                       .iteration = iteration,
                       .thread = thread,
                       .device = 0,
                       .phase = phase,
                       .event = 0});
  }
  // Called with each snapshot before it is told.
  void Distort(std::function<void(Snapshot&)> distort) { distort_ = std::move(distort); }
  const std::vector<Marker>& script() const { return script_; }

  void Poll(Snapshot* snapshot) override {
    snapshot->as_of = clock_.Now();
    snapshot->completed.clear();
    snapshot->running.clear();
    for (const Marker& marker : script_) {
      if (marker.end_ns > told_ns_ && marker.end_ns <= snapshot->as_of.ns) {
        snapshot->completed.push_back(marker);
      }
    }
    told_ns_ = snapshot->as_of.ns;
    for (uint16_t thread = 0; thread < kThreads; ++thread) {
      snapshot->running.push_back(SlotOf(thread, snapshot->as_of.ns));
    }
    if (distort_) distort_(*snapshot);
  }

 private:
  static constexpr uint16_t kThreads = 2;

  CurrentOperator SlotOf(uint16_t thread, int64_t now_ns) const {
    CurrentOperator slot{
        .op = kOpNone, .iteration = 0, .thread = thread, .phase = 0, .begin_ns = 0};
    for (const Marker& marker : script_) {
      if (marker.thread != thread || marker.begin_ns > now_ns) continue;
      if (marker.end_ns > now_ns) {
        return {marker.op, marker.iteration, thread, marker.phase, marker.begin_ns};
      }
      slot.begin_ns = std::max(slot.begin_ns, marker.end_ns);
    }
    return slot;
  }

  Clock& clock_;
  std::vector<Marker> script_;
  std::function<void(Snapshot&)> distort_;
  int64_t told_ns_ = 0;
};

}  // namespace synergy
