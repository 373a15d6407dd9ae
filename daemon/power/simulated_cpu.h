// The clock of a simulated board's CPU: one truth for the power that the model draws and for the
// frequencies that the board's files show.
//
// A policy is as fast as its governor makes it under load from the moment that something runs, and
// as slow as it makes it at rest from 80 ms after the last work: what the governor `interactive`
// waits (min_sample_time, drivers/cpufreq/cpufreq_interactive.c of L4T 4.4), and about what others
// do. Real governors also take some milliseconds to raise a clock: not modelled. Work is on all
// cores that are on, so all policies rise together; the model computes with the fastest of them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "common/cpu_speed.h"
#include "daemon/power/simulation_profile.h"

namespace synergy::sim {

// Thread-compatible.
class SimulatedCpu {
 public:
  static constexpr Nanoseconds kHold = Milliseconds(80);

  // At its fastest, busy or not, until it is told otherwise. `board` outlives this.
  explicit SimulatedCpu(const SimulationProfile& board);

  // Of each policy of the board, in their order; others are not believed.
  void SetSpeeds(std::vector<CpuSpeed> speeds);
  // No policy is faster than this, or than its slowest frequency; nothing: none is held back.
  void HoldBack(std::optional<int64_t> khz) { held_khz_ = khz; }
  void Worked(MonotonicTime until) { worked_until_ = until; }

  // When the governors go back to rest, if nothing runs before; it may be over.
  MonotonicTime rests_from() const;
  // Of a policy; 0: there is no such one.
  int64_t Khz(size_t policy, bool busy) const;
  // Of the fastest policy that has a core on, with the voltage that belongs to it.
  CpuOperatingPoint Point(bool busy) const;
  uint32_t cores_on() const;

 private:
  const SimulationProfile& board_;
  std::vector<CpuSpeed> speeds_;  // one each
  std::optional<int64_t> held_khz_;
  std::optional<MonotonicTime> worked_until_;
};

}  // namespace synergy::sim
