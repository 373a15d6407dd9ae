#include "daemon/power/ina3221_hwmon_timing.h"

#include <algorithm>
#include <ranges>

#include "daemon/power/ina3221_registers.h"

namespace synergy {
namespace {

constexpr size_t kFewestReads = 4;
// A read of a driver that waits, but whose poll came late, may be short now and then. The kernel's
// poll sleeps a quarter of the cycle at least (usleep_range in regmap_field_read_poll_timeout).
constexpr double kWaitingShare = 0.125;

constexpr int64_t RoundedMs(int64_t us) { return (us + 500) / 1000; }

}  // namespace

v1::Window Ina3221Cycle::Window() const {
  v1::Window window;
  window.set_slot_s(1e-6 * conversion_us);
  window.set_period_s(period_s());
  window.set_period_tolerance(ina3221::kOscillatorTolerance);
  window.set_average(static_cast<uint32_t>(samples));
  window.set_phase_known(false);
  return window;
}

std::optional<Ina3221Cycle> CycleOfInterval(int channels, int64_t samples, int64_t interval_ms) {
  if (channels < 1 || std::ranges::find(ina3221::kAverages, samples) == ina3221::kAverages.end()) {
    return std::nullopt;
  }
  for (const int conversion_us : ina3221::kConversionUs) {
    if (RoundedMs(2 * channels * samples * conversion_us) == interval_ms) {
      return Ina3221Cycle{channels, static_cast<int>(samples), conversion_us};
    }
  }
  return std::nullopt;
}

Ina3221Cycle CycleAfterReset(int channels) {
  const ina3221::Configuration reset = ina3221::Decode(ina3221::kResetConfiguration);
  return {channels, ina3221::kAverages[reset.average], ina3221::kConversionUs[reset.shunt_time]};
}

std::optional<bool> ReadsWait(const std::vector<StampedInteger>& reads, double ready_s) {
  if (reads.size() < kFewestReads || ready_s < kShortestTellingCycleS) return std::nullopt;
  std::vector<double> seconds;
  double total_s = 0;
  for (const StampedInteger& read : reads) {
    seconds.push_back(Nanoseconds{read.end_ns - read.begin_ns}.seconds());
    total_s += seconds.back();
  }
  std::ranges::nth_element(seconds, seconds.begin() + static_cast<ptrdiff_t>(seconds.size() / 2));
  const double median_s = seconds[seconds.size() / 2];
  if (median_s < kWaitingShare * ready_s) return false;
  // The ends of n reads that wait lie n - 1 cycles of a chip that may be fast apart.
  const double shortest_s =
      static_cast<double>(reads.size() - 1) * ready_s * (1 - ina3221::kOscillatorTolerance);
  if (total_s >= shortest_s) return true;
  return std::nullopt;
}

Ina3221HwmonFreshness::Ina3221HwmonFreshness(size_t registers, const Ina3221Cycle& cycle,
                                             bool waits)
    : longest_ready_s_(cycle.period_s() * (1 + ina3221::kOscillatorTolerance)),
      waits_(waits),
      registers_(registers) {}

void Ina3221HwmonFreshness::Forget() { std::ranges::fill(registers_, Register{}); }

Freshness Ina3221HwmonFreshness::OnRead(size_t index, const StampedInteger& read) {
  Register& reg = registers_[index];
  const Register before = reg;
  reg = {.last = read, .number = ++reads_};
  if (before.number == 0) return waits_ ? Freshness::kFresh : Freshness::kUnknown;
  if (before.last.value != read.value) return Freshness::kFresh;
  // The flag stands for the end of a cycle, and the register's conversion within that cycle may
  // have ended before the read before. With a further wait in between, a whole cycle lies after it.
  if (waits_ && reg.number - before.number >= 2) return Freshness::kFresh;
  const double apart_s = Nanoseconds{read.begin_ns - before.last.end_ns}.seconds();
  return apart_s >= longest_ready_s_ ? Freshness::kFresh : Freshness::kUnknown;
}

}  // namespace synergy
