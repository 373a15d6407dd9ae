// Stamps for markers, on CLOCK_MONOTONIC.
//
// clock_gettime costs 20 to 25 ns, and a marker needs two. Where the kernel itself keeps time by a
// counter that a program can read (x86: clocksource "tsc", that is, invariant and synchronized;
// aarch64: "arch_sys_counter"), a stamp is that counter and a multiplication, 10 ns on the same
// machine. Offset and rate are calibrated against CLOCK_MONOTONIC before the first stamp, around
// every block of iterations and, in between, at the first stamp that comes half a second after the
// last calibration. Each calibration says how far the counter had gone astray, and the engine
// records it (kOpClock markers). A machine with no such counter, or one whose counter went astray
// by more than kMaxErrorNs, is stamped by clock_gettime.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace synergy {

// CLOCK_MONOTONIC by clock_gettime.
int64_t MonotonicNs();

// The CPU's counter. Neither ordered against other instructions nor serializing: a stamp may be off
// by the few instructions that run out of order around it.
inline uint64_t ReadCounter() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return 0;
#endif
}

// Whether the kernel keeps time by the counter that ReadCounter reads. A system call or two.
bool CounterIsTrusted();

// Thread-compatible; copies go their own ways.
class TickClock {
 public:
  // One calibration: the clock, and the clock plus how far stamps may have gone astray by then.
  struct Calibration {
    int64_t clock_ns;
    int64_t counter_ns;
  };

  // A counter and a clock at one instant.
  struct Instant {
    uint64_t ticks;
    int64_t ns;
  };

  // A hundred times what a good counter goes astray between two calibrations: only a stopped,
  // migrated or broken machine, or a clock that is being set, makes more. Until the calibration
  // that finds it out, stamps were off by as much, and those after it stand still (none goes back)
  // for as long as the counter was ahead: the record of that calibration says so, and the daemon
  // makes the run SUSPECT.
  static constexpr int64_t kMaxErrorNs = 20'000;
  static constexpr int64_t kIntervalNs = 500'000'000;

  // With a counter, stamps are the counter's from the second Calibrate on that comes kMinBaselineNs
  // after the first; without one, always clock_gettime's.
  explicit TickClock(bool use_counter);
  // With a counter, first calibrated at `first`.
  explicit TickClock(const Instant& first) : use_counter_(true) { CalibrateAt(first); }

  // True: At(ticks) is good. False: call Calibrate, and Slow if it is not Fresh even then.
  bool Fresh(uint64_t ticks) const { return ticks - base_.ticks < valid_ticks_; }
  // The stamp of a fresh counter value. Never before the last stamp.
  int64_t At(uint64_t ticks) {
    const uint64_t elapsed = ((ticks - base_.ticks) * ns_per_tick_) >> kFraction;
    last_ns_ = std::max(last_ns_, base_.ns + static_cast<int64_t>(elapsed));
    return last_ns_;
  }
  // A stamp by clock_gettime. Never before the last stamp.
  int64_t Slow() { return last_ns_ = std::max(last_ns_, MonotonicNs()); }

  bool uses_counter() const { return use_counter_; }

  // Compares the counter with the clock and follows the clock. Nothing where no counter is in use,
  // and as long as there is nothing to compare with. Some 200 ns, no system call.
  std::optional<Calibration> Calibrate();
  // Calibrate, but for the reading of the two; instants come in order of time.
  std::optional<Calibration> CalibrateAt(const Instant& now);

 private:
  static constexpr int64_t kMinBaselineNs = 5'000'000;
  // ns_per_tick_ is in units of 2^-32 ns; valid_ticks_, at most half a second, keeps products in 64
  // bits.
  static constexpr int kFraction = 32;

  static Instant ReadBoth();
  int64_t ErrorOfStamps(const Instant& now) const;
  void UpdateRate(const Instant& now);

  bool use_counter_;
  Instant base_ = {0, 0};          // where stamps count from: the last calibration
  std::optional<Instant> anchor_;  // where the next measurement of the rate begins
  int64_t baseline_ns_ = 0;        // how long the present rate was measured; 0: there is none
  uint64_t ns_per_tick_ = 0;
  uint64_t valid_ticks_ = 0;
  int64_t last_ns_ = 0;
};

}  // namespace synergy
