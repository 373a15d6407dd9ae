// What a simulated sensor chip measures: the true currents and voltages of a board's rails over
// time.
#pragma once

#include <cstddef>

#include "common/clock.h"

namespace synergy {

// Rails are numbered as the board numbers them. All spans are non-empty, end at or before the
// present, and begin at or after the last ForgetBefore.
class PowerTrace {
 public:
  virtual ~PowerTrace() = default;

  // Integral over [begin, end] divided by its length, in A and V: exact, not sampled.
  virtual double MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) = 0;
  virtual double MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) = 0;
  // In W. For sensors that count energy.
  virtual double MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) {
    return MeanCurrent(rail, begin, end) * MeanVoltage(rail, begin, end);
  }

  // Nothing before `time` will be asked for again.
  virtual void ForgetBefore(MonotonicTime time) = 0;
};

}  // namespace synergy
