// The plain method of the literature: power, linear between samples, integrated between markers.
//
// Windows: `all` spans the setup, the warm-up and the measured iterations: from the begin of
// kOpLoad to the end of the last measured iteration (of the last marker, where a run was cut
// short). Within it every instant belongs to exactly one of
//   setup      kOpLoad or kOpInit runs
//   warmup     an operator of a warm-up iteration runs
//   inference  an operator of a measured iteration runs
//   idle       nothing of these runs
// so that their times and energies add up to those of `all`, which is integrated on its own.
//
// Overlaps: the power of an instant is shared equally among the threads that are in something at
// that instant, which is equally among the operators that run (a thread is in one at a time, but
// where an engine nests them it goes to what began last; the shorter one, where both began at
// once). No sensor tells what one of them alone drew, so the rule is a convention: `overlapped_s`
// says for how much of the time it decided. The time of an operator is its whole span, so times of
// operators that overlap add up to more than the time that passed.
//
// Outside its samples a rail's power is that of the nearest sample for at most 10 ms; whatever
// reaches farther has no energy on that rail: absent, never zero or NaN. Gaps are bridged linearly.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/attribution/mean_interval.h"
#include "common/attribution/run_data.h"

namespace synergy {

// Joules by rail, in the order of Attribution::rails.
using RailEnergies = std::vector<std::optional<double>>;

struct OperatorResult {
  uint32_t op = 0;             // index in the net
  uint64_t executions = 0;     // in the measured iterations, at least 1
  MeanWithInterval time_s;     // of one execution
  double time_share = 0;       // of the time of all operators of the measured iterations
  RailEnergies mean_energy_j;  // of one execution, over those whose energy is known
  RailEnergies energy_share;   // of the energy of all operators of the measured iterations
};

struct PhaseTotal {
  double time_s = 0;
  RailEnergies energy_j;
};

// [begin, end) on the device's clock.
struct TimeWindow {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

struct Attribution {
  std::vector<std::string> rails;   // in the board's order
  std::vector<OperatorResult> ops;  // that were executed in a measured iteration, by index
  PhaseTotal setup, warmup, inference, idle, all;
  std::optional<TimeWindow> setup_window, warmup_window, measure_window, all_window;
  uint64_t iterations = 0;                           // measured ones that were completed
  std::optional<MeanWithInterval> iteration_time_s;  // of those: the net's wall time
  double overlapped_s = 0;  // of inference.time_s, with more than one operator running
  bool partial = false;     // RunData::partial

  // Of the time of the measured iterations' operators, 0 to 1; absent where there is none.
  std::optional<double> overlapped_share() const {
    if (inference.time_s <= 0) return std::nullopt;
    return std::min(1.0, overlapped_s / inference.time_s);  // rounded sums
  }
};

// Pure; never fails: what is not in the data is absent. O((samples + markers) log markers) time.
// `more`: rails that were not measured by the board, with stamps of its clock; behind its own.
Attribution Solve(const RunData& data, const std::vector<RailPower>& more = {});

}  // namespace synergy
