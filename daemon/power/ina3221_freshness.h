// Whether a reading of an INA3221's data register comes from a conversion that was not read before.
//
// The chip has one conversion-ready flag for all channels, set at the end of a cycle and cleared by
// reading it, while each register changes at its own place within the cycle. So the flag, the
// stamps of the reads and the chip's tolerated period leave some readings undecided; those are
// kUnknown. kFresh and kRepeat are claimed only where every clock the datasheet allows leads to the
// same answer.
#pragma once

#include <vector>

#include "common/clock.h"
#include "common/records/conversion_cycle.h"
#include "common/records/readings.h"

namespace synergy {

// Between which two instants the chip took a register's value over.
using LatchSpan = TimeSpan;

class Ina3221Freshness {
 public:
  // `until_cycle_end_s`: for each register, the nominal time from the end of its conversion to the
  // end of the cycle. All times of the chip may be off by `tolerance`.
  Ina3221Freshness(double period_s, double tolerance, std::vector<double> until_cycle_end_s);

  // The flag was read.
  void OnFlag(bool set, LatchSpan span);
  // A register was read, the first time after a conversion that nobody else read; `changed`: its
  // value differs from the reading before.
  Freshness OnRead(size_t index, LatchSpan span, bool changed);

 private:
  // Some conversion of the register surely ended between the two reads; or surely none did.
  Freshness Decide(double until_cycle_end_s, LatchSpan previous, LatchSpan now) const;

  const double period_s_;
  const double tolerance_;
  const std::vector<double> until_cycle_end_s_;
  bool seen_flag_ = false;  // some read found the flag set after another read
  bool read_flag_ = false;
  LatchSpan last_flag_;  // the last read of the flag
  LatchSpan cycle_end_;  // some cycle ended in here, where seen_flag_
  std::vector<bool> was_read_;
  std::vector<LatchSpan> last_read_;
};

}  // namespace synergy
