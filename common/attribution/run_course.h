// What a run did at each instant, sorted into what has a power of its own: the categories of the
// regression that finds their powers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/attribution/occupancy.h"
#include "common/attribution/run_data.h"

namespace synergy {

// Times are ns after `origin_ns`, as doubles: exact for 100 days.
struct RunCourse {
  int64_t origin_ns = 0;  // device clock: the first thing that is known of the run

  // Categories 0 to ops.size() - 1 are the operators with these indices that ran in a measured
  // iteration. Operators that run at the same time share the instant equally, as
  // common/attribution/integrate.h says.
  std::vector<uint32_t> ops;
  // The measured iterations' time in no operator, pauses between them included.
  uint32_t between() const { return static_cast<uint32_t>(ops.size()); }
  // Phases in which nothing of the job runs: the baseline.
  uint32_t idle() const { return between() + 1; }
  // Setup, warm-up, looped operators, load patterns, decisions between blocks of iterations: none
  // has a power of its own.
  uint32_t other() const { return between() + 2; }
  size_t categories() const { return ops.size() + 3; }

  Occupancy occupancy{0};
  std::vector<double> seconds;                // by category: its share of all instants
  std::vector<uint64_t> executions;           // of each operator
  std::vector<double> iteration_begins;       // of the measured ones, rising
  double measure_begin = 0, measure_end = 0;  // first begin and last end of a measured operator
  // Decisions in between, whose energy is that of no iteration.
  struct Break {
    double begin = 0, end = 0;
  };
  std::vector<Break> breaks;
};

// O((markers + records) log markers). A run without measured operators has no ops.
RunCourse CourseOf(const RunData& data);

}  // namespace synergy
