// The time of a chip whose oscillator slows down, or speeds up, evenly over a while. Until then it
// is the clock's, so that whatever the chip has done by then stays where it was.
#pragma once

#include "common/clock.h"

namespace synergy {

// Constant. To and fro it is exact to the nanoseconds that both sides are rounded to.
class OscillatorDrift {
 public:
  OscillatorDrift() = default;  // none
  // From `begin` on, over `span_s` (above 0) of the chip's time, what the chip does comes to take
  // longer by `share`, and goes on so. `share` above -1.
  OscillatorDrift(MonotonicTime begin, double span_s, double share)
      : begin_(begin), span_s_(span_s), share_(share) {}

  MonotonicTime ToClock(MonotonicTime chip) const;
  MonotonicTime ToChip(MonotonicTime clock) const;

 private:
  MonotonicTime begin_;
  double span_s_ = 1;
  double share_ = 0;
};

}  // namespace synergy
