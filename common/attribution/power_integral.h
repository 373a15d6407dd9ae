// The integral of a rail's sampled power.
#pragma once

#include <cstdint>
#include <vector>

#include "common/attribution/run_data.h"
#include "common/clock.h"

namespace synergy {

// Outside its samples a rail's power is that of the nearest one for at most this long.
inline constexpr Nanoseconds kMaxHold = Milliseconds(10);

// A cursor that moves forward over samples, which outlive it. A whole pass takes linear time.
class PowerIntegral {
 public:
  PowerIntegral(const std::vector<PowerSample>& samples, int64_t begin_ns)
      : samples_(samples), at_ns_(begin_ns) {}

  // Joules from where the cursor is to `to_ns`, not before it: constant in a sample's window,
  // linear between windows, which have no length where they are not known. 0 without samples.
  double Advance(int64_t to_ns);

  // Whether there is power for all of [begin, end].
  static bool Covers(const std::vector<PowerSample>& samples, int64_t begin_ns, int64_t end_ns);

 private:
  // Where the line on which the power lies from the cursor on ends, at `to_ns` at the latest.
  int64_t EndOfLine(int64_t to_ns) const;
  double PowerAt(double at_ns) const;

  const std::vector<PowerSample>& samples_;
  int64_t at_ns_;
  size_t next_ = 0;  // the first sample behind at_ns_
};

}  // namespace synergy
