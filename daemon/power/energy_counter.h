// A counter of energy as drivers show it, which wraps or is reset, as one that only ever begins
// anew.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/clock.h"

namespace synergy {

// In microjoules. Thread-compatible.
class EnergyCounter {
 public:
  // No zone of a machine draws more.
  static constexpr double kMostWatts = 10'000;

  // After `range_uj` the driver counts from 0 again; 0: it never does. What would take more than
  // `most_w` was not used: the counter went wrong.
  explicit EnergyCounter(int64_t range_uj, double most_w = kMostWatts)
      : range_uj_(range_uj), most_w_(most_w) {}

  struct Counted {
    // The driver's first value and what was used since. A wrap is counted once. Where it is not
    // known what was used since the last value, the count begins anew at 0: it is less than before,
    // so that nobody takes the difference for energy.
    int64_t total_uj = 0;
    // What the counter did that no use of energy explains, for people; "": nothing.
    std::string fault = {};
  };
  // The counter said `value_uj` at the instant `at_ns`. Allocates only where there is a fault.
  Counted Advance(int64_t value_uj, int64_t at_ns);
  // The next value belongs to another life of the counter: what was used up to it is not known.
  void Restart();

  // So many faults there were.
  uint64_t faults() const { return faults_; }

 private:
  struct Last {
    int64_t value_uj = 0;
    int64_t at_ns = 0;
  };
  // What was used since the last reading; nothing: that is not known.
  std::optional<int64_t> Used(const Last& last, int64_t value_uj, double seconds) const;

  const int64_t range_uj_;
  const double most_w_;
  std::optional<Last> last_;
  bool started_ = false;
  int64_t total_uj_ = 0;
  uint64_t faults_ = 0;
};

}  // namespace synergy
