#include "daemon/power/energy_counter.h"

#include <fmt/format.h>

#include <algorithm>

namespace synergy {
namespace {

constexpr double kJoulesPerUj = 1e-6;
// Readings may be closer than the counter's own updates, 1 ms of RAPL, which come late now and
// then.
constexpr Nanoseconds kShortest = Milliseconds(10);

std::string Fault(int64_t from_uj, int64_t to_uj, double seconds, double most_w) {
  const std::string how =
      to_uj < from_uj ? std::string("it was reset")
                      : fmt::format("more than the {:.6g} W that it can draw at most", most_w);
  return fmt::format("went from {} to {} uJ ({}); the energy of the {:.3g} ms before is missing",
                     from_uj, to_uj, how, 1e3 * seconds);
}

}  // namespace

std::optional<int64_t> EnergyCounter::Used(const Last& last, int64_t value_uj,
                                           double seconds) const {
  int64_t used_uj = value_uj - last.value_uj;
  if (used_uj < 0) {
    if (range_uj_ <= 0 || last.value_uj > range_uj_) return std::nullopt;
    used_uj += range_uj_;  // it may have wrapped
  }
  const double possible_j = most_w_ * std::max(seconds, kShortest.seconds());
  if (static_cast<double>(used_uj) * kJoulesPerUj > possible_j) return std::nullopt;
  return used_uj;
}

EnergyCounter::Counted EnergyCounter::Advance(int64_t value_uj, int64_t at_ns) {
  const std::optional<Last> last = last_;
  last_ = {value_uj, at_ns};
  if (!last) {
    if (!started_) total_uj_ = value_uj;
    started_ = true;
    return {.total_uj = total_uj_};
  }
  const double seconds = Nanoseconds{at_ns - last->at_ns}.seconds();
  const std::optional<int64_t> used_uj = Used(*last, value_uj, seconds);
  if (used_uj) {
    total_uj_ += *used_uj;
    return {.total_uj = total_uj_};
  }
  ++faults_;
  total_uj_ = 0;
  return {.total_uj = 0, .fault = Fault(last->value_uj, value_uj, seconds, most_w_)};
}

void EnergyCounter::Restart() {
  last_.reset();
  total_uj_ = 0;
}

}  // namespace synergy
