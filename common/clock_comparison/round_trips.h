// Two machines' clocks by round trips: how far the other one's is ahead, with bounds that always
// hold as long as both run evenly.
//
// A question leaves here at `sent` and is there at `received`; the answer leaves there at
// `answered` and is here at `back`. Whatever each way took, the other clock showed at most
// `received` at the instant `sent`, and at least `answered` at the instant `back`: two bounds on
// the line that the difference of the clocks follows.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/clock_comparison/feasible_lines.h"

namespace synergy {

struct RoundTrip {
  int64_t sent_ns = 0;      // here
  int64_t received_ns = 0;  // there
  int64_t answered_ns = 0;  // there
  int64_t back_ns = 0;      // here
};

// CLOCK_MONOTONIC is slewed by up to 500 ppm on either side, above the 100 ppm that crystals are
// off by.
inline constexpr double kMaxClockDrift = 1.2e-3;

// In order of time. Thread-compatible.
class RoundTrips {
 public:
  // Those that go back in time on one side are not taken.
  void Add(const RoundTrip& trip);

  // The other clock minus this one at an instant of this one. Absent before the first round trip.
  std::optional<FeasibleLines::Range> OffsetAt(int64_t here_ns) const;

  uint64_t count() const { return count_; }
  // How often the trips did not fit on one line with those before: a clock was stepped, or slewed.
  uint64_t breaks() const { return segments_.empty() ? 0 : segments_.size() - 1; }

 private:
  struct Segment {
    int64_t begin_ns = 0, end_ns = 0;  // here
    FeasibleLines lines{kMaxClockDrift};
  };
  std::vector<Segment> segments_;
  uint64_t count_ = 0;
};

}  // namespace synergy
