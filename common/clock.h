// Time: one strong type for instants on CLOCK_MONOTONIC and one injected source of it.
//
// Every stamp of a run (samples, markers, phases) is a MonotonicTime of the device. Wall time is
// stored once per run, for people, and never used in arithmetic.
#pragma once

#include <compare>
#include <cstdint>

namespace synergy {

// A span of time in nanoseconds; signed, so that differences work.
struct Nanoseconds {
  int64_t count = 0;

  constexpr double seconds() const { return static_cast<double>(count) * 1e-9; }
  friend constexpr auto operator<=>(Nanoseconds, Nanoseconds) = default;
  friend constexpr Nanoseconds operator+(Nanoseconds a, Nanoseconds b) {
    return {a.count + b.count};
  }
  friend constexpr Nanoseconds operator-(Nanoseconds a, Nanoseconds b) {
    return {a.count - b.count};
  }
  friend constexpr Nanoseconds operator*(Nanoseconds a, int64_t n) { return {a.count * n}; }
};

constexpr Nanoseconds Microseconds(int64_t n) { return {n * 1'000}; }
constexpr Nanoseconds Milliseconds(int64_t n) { return {n * 1'000'000}; }
constexpr Nanoseconds Seconds(double s) { return {static_cast<int64_t>(s * 1e9)}; }

// An instant: nanoseconds of CLOCK_MONOTONIC since boot.
struct MonotonicTime {
  int64_t ns = 0;

  friend constexpr auto operator<=>(MonotonicTime, MonotonicTime) = default;
  friend constexpr MonotonicTime operator+(MonotonicTime t, Nanoseconds d) {
    return {t.ns + d.count};
  }
  friend constexpr MonotonicTime operator-(MonotonicTime t, Nanoseconds d) {
    return {t.ns - d.count};
  }
  friend constexpr Nanoseconds operator-(MonotonicTime a, MonotonicTime b) { return {a.ns - b.ns}; }
};

// The source of time of a daemon, or of a simulation in virtual time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() = 0;
  // Returns at or after `deadline`; at once where it has passed. A signal does not shorten the
  // wait.
  virtual void SleepUntil(MonotonicTime deadline) = 0;
};

// CLOCK_MONOTONIC and clock_nanosleep(TIMER_ABSTIME). One instance, lives as long as the process.
Clock& RealClock();

}  // namespace synergy
