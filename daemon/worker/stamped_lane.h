// One thread's lane of the marker ring with the clock that stamps it: what is on the path of every
// operator. No system call, no allocation, no lock.
#pragma once

#include <cstdint>

#include "common/marker_ring.h"
#include "common/marker_ring_writer.h"
#include "daemon/worker/tick_clock.h"

namespace synergy {

class StampedLane {
 public:
  StampedLane(MarkerLane lane, const TickClock& clock) : lane_(lane), clock_(clock) {}

  void Begin(uint32_t op, uint32_t iteration, uint8_t phase) {
    lane_.Begin(op, iteration, phase, Now());
  }
  // False: the marker was dropped.
  bool End() { return lane_.End(Now()); }

  int64_t Now() {
    if (clock_.uses_counter()) [[likely]] {
      const uint64_t ticks = ReadCounter();
      if (clock_.Fresh(ticks)) [[likely]]
        return clock_.At(ticks);
      Calibrate(lane_.current().phase);
    }
    return NowByCall();
  }

  void Write(const Marker& marker) { lane_.Write(marker); }
  // How often an event happened in what End has ended.
  void WriteCount(uint32_t event, uint64_t count) {
    Marker marker = lane_.current();
    marker.event = 1 + event;
    marker.begin_ns = 0;
    marker.end_ns = static_cast<int64_t>(count);
    lane_.Write(marker);
  }

  // Calibrates the clock and records it, as kOpClock.
  void Calibrate(uint8_t phase);

  const TickClock& clock() const { return clock_; }

 private:
  int64_t NowByCall();

  MarkerLane lane_;
  TickClock clock_;
};

}  // namespace synergy
