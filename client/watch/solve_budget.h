// When the energies of a run that is watched are solved again: as often as costs this host about a
// fiftieth of a core, counted from the run's first records on, but in the end whatever it has cost
// so far: numbers that nobody renews are no live view. Pure.
#pragma once

#include "common/clock.h"

namespace synergy {

// Thread-compatible.
class SolveBudget {
 public:
  explicit SolveBudget(MonotonicTime begin) : begin_(begin), next_(begin) {}

  // At `now` a solution was there; CPU time for taking in the records before it, and for itself.
  void Spend(MonotonicTime now, Nanoseconds added, Nanoseconds solved);

  // Not before a second has passed, and what it is expected to cost is in the budget; but 30 s
  // after the solution before at the latest, or, where that is longer, 45 times as long as it took.
  MonotonicTime next() const { return next_; }

 private:
  MonotonicTime begin_;
  MonotonicTime next_;
  Nanoseconds spent_;
};

}  // namespace synergy
