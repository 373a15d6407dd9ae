// What the kernel's hwmon driver tells of an INA3221's conversion cycle, and how old its readings
// may be. Source: Documentation/hwmon/ina3221.rst and drivers/hwmon/ina3221.c. The driver shows
//   update_interval = channels x samples x (bus + shunt conversion time), rounded to milliseconds,
// and sets both conversion times to the one of the chip's table that is nearest to what is asked;
// 0 asks for the shortest, 140 us.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/records/readings.h"
#include "daemon/power/attribute_group.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

struct Ina3221Cycle {
  int channels = 0;       // that are switched on
  int samples = 1;        // N of the averaging filter
  int conversion_us = 0;  // of shunt and bus alike

  // From one conversion of a quantity to its next one, nominally.
  double period_s() const { return 2e-6 * channels * conversion_us; }
  // After which the chip sets its conversion-ready flag.
  double ready_s() const { return period_s() * samples; }
  v1::Window Window() const;
  friend bool operator==(const Ina3221Cycle&, const Ina3221Cycle&) = default;
};

// What is written to update_interval, and the conversion time that the driver takes for it.
struct Ina3221Interval {
  int64_t ms = 0;
  int conversion_us = 0;
};
// That makes the driver take `conversion_us`, or the next longer time that can be asked for in
// whole milliseconds.
Ina3221Interval IntervalFor(int channels, int64_t samples, int conversion_us);

// The cycle that the attributes stand for. Several conversion times may round to `interval_ms`: the
// one that was `asked` for last, else the nearest, as the driver takes it. A tree of plain files
// shows what was asked for as it was written. Nothing where none rounds to it: the two conversion
// times differ, or this is another driver.
std::optional<Ina3221Cycle> CycleOfInterval(int channels, int64_t samples, int64_t interval_ms,
                                            const std::optional<Ina3221Interval>& asked = {});
// As the driver leaves a chip that it cannot set: the datasheet's reset value, 1.1 ms.
Ina3221Cycle CycleAfterReset(int channels);

// Whether each read of the driver waits for the chip's conversion-ready flag: older kernels'
// drivers always do, newer ones in single-shot mode only (6.1.192 does not in continuous mode).
// Found by reading one attribute several times without a pause: reads that wait end at least one
// cycle apart, since reading the flag clears it. `reads` must follow one that was dropped (its flag
// may have waited since long), with a cycle that is long against a read of two registers over the
// slowest bus (0.94 ms at 100 kHz). Nothing where that cannot be told: too few reads, or a cycle
// below kShortestTellingCycle. A machine that holds up every single one of the reads for a fraction
// of the cycle can be taken for a waiting driver, so that the cycle of the test should be ten
// milliseconds and more.
inline constexpr double kShortestTellingCycleS = 4e-3;
std::optional<bool> ReadsWait(const std::vector<StampedInteger>& reads, double ready_s);

// Of the readings of one chip. Thread-compatible.
class Ina3221HwmonFreshness {
 public:
  // `registers` of the chip are read; `waits` as ReadsWait has it, false where it is not known.
  Ina3221HwmonFreshness(size_t registers, const Ina3221Cycle& cycle, bool waits);

  // kFresh: the value changed; or the driver waited and another read waited in between; or the chip
  // at its slowest has converted again since the read before. Otherwise kUnknown: a constant rail
  // repeats its values while they are fresh.
  Freshness OnRead(size_t index, const StampedInteger& read);
  // What was read before belongs to another life of the chip.
  void Forget();

 private:
  struct Register {
    StampedInteger last;
    uint64_t number = 0;  // of the read among all of the chip; 0: none yet
  };

  const double longest_ready_s_;
  const bool waits_;
  uint64_t reads_ = 0;
  std::vector<Register> registers_;
};

}  // namespace synergy
