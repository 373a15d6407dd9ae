// Whether a program stamps its lines by this machine's clock, from when they arrive.
//
// A line arrives after the instant that it stands for, by a lag that varies but does not grow. So
// the least lag of many lines says how late the program prints at least, or by how much its clock
// is off: which of both cannot be told. Where that grows, its clock runs slowly. One that runs fast
// soon stamps the future.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/clock.h"
#include "common/clock_comparison/arrivals.h"

namespace synergy {

// Of one program, from its start on. Thread-compatible.
class LineClock {
 public:
  // A reading that comes later is none: a meter's own buffers hold some tenths of a second, and the
  // end of a run does not wait for longer.
  static constexpr Nanoseconds kMostLag = Seconds(1);
  // Later than this is said: operators of so long are charged with what ran beside them.
  static constexpr Nanoseconds kLate = Milliseconds(50);
  // A clock may run so much slower than this machine's. Quartz is off by 0.0001; what is wrong is
  // off by much more: a counter whose frequency was guessed.
  static constexpr double kMostGrowth = 0.01;
  // The least lag may change by so much on a busy machine.
  static constexpr Nanoseconds kUnsure = Milliseconds(100);
  // Over so long the growth is judged. Within it kMostGrowth amounts to more than kUnsure.
  static constexpr Nanoseconds kWindow = Seconds(16);

  // Why no line with that stamp is a reading, for people: it is of the future, or it came too late.
  // "": it may be one. It arrived up to `arrival`, and had not yet at `absent`.
  static std::string Fault(int64_t stamp_ns, MonotonicTime absent, MonotonicTime arrival);

  // A line of the program's first rail, whose Fault is "" or that came too late; in the order of
  // arrival.
  void OnLine(int64_t stamp_ns, MonotonicTime absent, MonotonicTime arrival);

  // What is wrong with the clock, for people: no line is a reading until it ran well over a whole
  // window. "": nothing that was seen.
  const std::string& wrong() const { return wrong_; }
  // By how much lines are late, or the clock is behind, at least. Nothing: not for kLate.
  std::optional<Nanoseconds> late() const;

 private:
  static constexpr Nanoseconds kShortest = Seconds(1);  // before anything is said
  static constexpr Nanoseconds kJudge = Milliseconds(250);

  void Begin(MonotonicTime at);
  void Judge(MonotonicTime now);

  std::optional<MonotonicTime> begin_;  // of the window
  MonotonicTime judge_due_;
  // Of the window, as if each line had come as early as it may have, and as late. Whoever reads
  // rarely, or was held up, then blames no program.
  Arrivals earliest_, latest_;
  int64_t late_ns_ = 0;
  std::string wrong_;
};

}  // namespace synergy
