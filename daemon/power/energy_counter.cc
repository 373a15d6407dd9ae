#include "daemon/power/energy_counter.h"

#include <algorithm>

namespace synergy {
namespace {

constexpr double kJoulesPerUj = 1e-6;
// Readings may be closer than the counter's own updates, 1 ms of RAPL.
constexpr Nanoseconds kShortest = Milliseconds(10);

}  // namespace

int64_t EnergyCounter::Used(const Last& last, int64_t value_uj, int64_t at_ns) {
  if (value_uj >= last.value_uj) return value_uj - last.value_uj;
  const int64_t wrapped_uj = range_uj_ - last.value_uj + value_uj;
  const double seconds = std::max(Nanoseconds{at_ns - last.at_ns}, kShortest).seconds();
  const bool possible = last.value_uj <= range_uj_ &&
                        static_cast<double>(wrapped_uj) * kJoulesPerUj <= kMostWatts * seconds;
  if (range_uj_ > 0 && possible) return wrapped_uj;
  ++resets_;
  return 0;
}

int64_t EnergyCounter::Advance(int64_t value_uj, int64_t at_ns) {
  if (last_) {
    total_uj_ += Used(*last_, value_uj, at_ns);
  } else if (!started_) {
    total_uj_ = value_uj;
    started_ = true;
  }
  last_ = {value_uj, at_ns};
  return total_uj_;
}

}  // namespace synergy
