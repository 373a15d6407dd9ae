// The conversion cycle of a chip that runs free: when, within what its oscillator allows, its
// conversions end, found from when its values were seen to change.
//
// Conversion n of a register ends at begin + (n + offset) x period. Period and begin are unknown
// but for the period's tolerance. Each change of a value says that a conversion ended between the
// begin of the read before and the end of the read that saw it: two bounds that are linear in both
// unknowns once it is known which conversion it was. What all bounds leave is a convex polygon, and
// whatever is claimed holds for all of it: no likelihoods, no thresholds. A value that did not
// change says nothing, since a constant rail repeats its values.
//
// Oscillators drift, so the past is forgotten: the period's bounds widen by kDriftPerS.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/clock.h"

namespace synergy {

// Between which two instants something happened.
struct TimeSpan {
  MonotonicTime earliest;
  MonotonicTime latest;
};

// Which conversion of its register a reading shows: one of [lowest, highest]. Numbers of different
// epochs cannot be compared.
struct ConversionNumber {
  int64_t lowest = 0;
  int64_t highest = 0;
  uint64_t epoch = 0;
};

// Thread-compatible. Constant time and no allocation per call.
class ConversionCycle {
 public:
  // What a chip's oscillator may drift in a second, relative. An assumption: the INA3221's
  // datasheet gives 10 % from chip to chip and over temperature and says nothing of the speed. A
  // chip that warms by 0.1 K a second over a whole 0.1 % per K would do twice that.
  static constexpr double kDriftPerS = 5e-5;
  // So often what was seen contradicts a single cycle before nothing is claimed any more: the value
  // then comes from something else than one conversion a cycle.
  static constexpr uint32_t kMostContradictions = 3;

  // `period_s` nominally; the true one within `tolerance` of it, relative. 0: there is no cycle to
  // be found, and nothing is ever claimed.
  ConversionCycle(double period_s, double tolerance);

  // A conversion ended within `span`, of a register whose conversions end `offset` periods after
  // the cycle's begin, 0 to 1.
  void OnConversion(double offset, TimeSpan span);
  // The last conversion of such a register that ended before an instant within `span`. Nothing
  // before the cycle is known.
  std::optional<ConversionNumber> LastBefore(double offset, TimeSpan span) const;
  // When that conversion ended. Nothing where it may be one of several.
  std::optional<TimeSpan> EndOfLastBefore(double offset, TimeSpan span) const;

  // The chip was set up anew, or has come back.
  void Restart();

  // Bounds of the period, in seconds.
  double shortest_s() const;
  double longest_s() const;
  uint32_t contradictions() const { return contradictions_; }

 private:
  // begin: of cycle 0, in seconds after reference_.
  struct Point {
    double begin = 0;
    double period = 0;
  };
  static constexpr size_t kMostCorners = 16;
  struct Polygon {
    std::array<Point, kMostCorners> corners;
    size_t size = 0;
  };

  void Begin(double offset, TimeSpan span, double shortest_s, double longest_s);
  // Cuts off what lies beyond a + b x begin + c x period >= 0. False, and the polygon stays, where
  // it would have too many corners.
  static bool Cut(double a, double b, double c, Polygon* polygon);
  // Makes cycle `n` the new cycle 0, and forgets.
  void MoveTo(int64_t n);
  double Since(MonotonicTime t) const { return (t - reference_).seconds(); }
  // Bounds of (t - begin) / period - offset.
  double Lowest(double t, double offset) const;
  double Highest(double t, double offset) const;

  const double nominal_shortest_s_;
  const double nominal_longest_s_;
  MonotonicTime reference_;
  MonotonicTime last_;  // the latest conversion that was told
  int64_t number_ = 0;  // of cycle 0
  uint64_t epoch_ = 0;
  uint32_t contradictions_ = 0;
  Polygon polygon_;  // without corners: nothing was seen yet
};

}  // namespace synergy
