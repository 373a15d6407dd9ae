// When a counter of energy was updated, found from its readings.
//
// Such a counter (RAPL) steps forward once a period of a clock of its own, by what was used since,
// and is read at other times. Between two reads that say the same there was no update, between two
// that differ at least one: a comb of updates that contradicts none of the reads, or few, is looked
// for, over ever longer spans of reads, until its place is known to some microseconds. The energy
// between two updates is then the mean of the power over a window that is known. Reads must come at
// least as often as updates: where all differ from the one before, nothing tells. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/records/readings.h"

namespace synergy {

struct CounterClock {
  double period_ns = 0;
  double phase_ns = 0;  // of an update, after the middle of the first of the reads
  double sd_ns = 0;     // standard deviation of the updates' places
};

// Of reads in the order of time whose counter is updated each nominal period, within `tolerance`
// (relative). Nothing: too few reads, or no steady clock explains them. O(reads).
std::optional<CounterClock> FindCounterClock(std::span<const Reading> reads, double nominal_ns,
                                             double tolerance);

// What was used between two updates.
struct CounterWindow {
  double begin_ns = 0, end_ns = 0;  // as the reads' stamps
  double counts = 0;
};

struct CounterWindows {
  std::vector<CounterWindow> windows;  // in the order of time
  double sd_ns = 0;                    // of their ends' places
};

// Of all pairs of updates that follow each other in the reads. A counter that went back, as where
// somebody has reset it, has none there; nor have spans of reads in which its clock is not found.
CounterWindows WindowsOfCounter(std::span<const Reading> reads, double nominal_ns,
                                double tolerance);

}  // namespace synergy
