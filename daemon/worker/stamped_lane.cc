#include "daemon/worker/stamped_lane.h"

#include <algorithm>

namespace synergy {

void StampedLane::Calibrate(uint8_t phase) {
  const std::optional<TickClock::Calibration> calibration = clock_.Calibrate();
  if (!calibration.has_value()) return;
  const auto [clock_ns, counter_ns] = *calibration;
  lane_.Write({.begin_ns = std::min(clock_ns, counter_ns),
               .end_ns = std::max(clock_ns, counter_ns),
               .op = kOpClock,
               .iteration = counter_ns > clock_ns ? 1u : 0u,
               .thread = 0,
               .device = 0,
               .phase = phase,
               .event = 0});
}

int64_t StampedLane::NowByCall() {
  const uint64_t ticks = clock_.uses_counter() ? ReadCounter() : 0;
  return clock_.Fresh(ticks) ? clock_.At(ticks) : clock_.Slow();
}

}  // namespace synergy
