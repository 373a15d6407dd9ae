#include "daemon/power/ina3221_hwmon_timing.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
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

Ina3221Interval IntervalFor(int channels, int64_t samples, int conversion_us) {
  const int64_t conversions = channels * samples;
  // As ina3221_interval_ms_to_conv_time and find_closest of the kernel have it.
  const auto taken_us = [conversions](int64_t ms) {
    return *std::ranges::min_element(ina3221::kConversionUs, {}, [&](int us) {
      return std::abs(us - (ms * 500 + conversions / 2) / conversions);
    });
  };
  if (conversion_us <= ina3221::kConversionUs.front()) return {0, ina3221::kConversionUs.front()};
  int64_t ms = RoundedMs(2 * conversions * conversion_us);
  while (taken_us(ms) < std::min(conversion_us, ina3221::kConversionUs.back())) ++ms;
  return {ms, taken_us(ms)};
}

std::optional<Ina3221Cycle> CycleOfInterval(int channels, int64_t samples, int64_t interval_ms,
                                            const std::optional<Ina3221Interval>& asked) {
  if (channels < 1 || std::ranges::find(ina3221::kAverages, samples) == ina3221::kAverages.end()) {
    return std::nullopt;
  }
  const auto cycle_us = [&](int conversion_us) { return 2 * channels * samples * conversion_us; };
  const auto cycle = [&](int conversion_us) {
    return Ina3221Cycle{channels, static_cast<int>(samples), conversion_us};
  };
  if (asked &&
      (RoundedMs(cycle_us(asked->conversion_us)) == interval_ms || asked->ms == interval_ms)) {
    return cycle(asked->conversion_us);
  }
  const int nearest = *std::ranges::min_element(ina3221::kConversionUs, {}, [&](int us) {
    return std::abs(static_cast<double>(cycle_us(us)) - 1e3 * static_cast<double>(interval_ms));
  });
  if (RoundedMs(cycle_us(nearest)) != interval_ms) return std::nullopt;
  return cycle(nearest);
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
