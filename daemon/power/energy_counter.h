// A counter of energy as drivers show it, which wraps or is reset, as one that never decreases.
#pragma once

#include <cstdint>
#include <optional>

#include "common/clock.h"

namespace synergy {

// In microjoules. Thread-compatible.
class EnergyCounter {
 public:
  // No zone of a machine draws more. What a wrap would need more for is a reset.
  static constexpr double kMostWatts = 10'000;

  // After `range` the driver counts from 0 again; 0: it never does.
  explicit EnergyCounter(int64_t range_uj) : range_uj_(range_uj) {}

  // The counter said `value` at the instant `at_ns`. Returns what was counted in all, the driver's
  // first value included. A wrap is counted once; a reset counts nothing, so that the energy
  // between the two readings is missing.
  int64_t Advance(int64_t value_uj, int64_t at_ns);
  // The next value belongs to another life of the counter: nothing is counted up to it.
  void Restart() { last_.reset(); }

  uint64_t resets() const { return resets_; }

 private:
  struct Last {
    int64_t value_uj = 0;
    int64_t at_ns = 0;
  };
  // What was used since the last reading.
  int64_t Used(const Last& last, int64_t value_uj, int64_t at_ns);

  const int64_t range_uj_;
  std::optional<Last> last_;
  bool started_ = false;
  int64_t total_uj_ = 0;
  uint64_t resets_ = 0;
};

}  // namespace synergy
