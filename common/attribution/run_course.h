// What a run did at each instant, sorted into what has a power of its own: the categories of the
// regression that finds their powers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/attribution/occupancy.h"
#include "common/attribution/run_data.h"

namespace synergy {

// A part of a run, (begin_ns, end_ns]: of a long one, a course is made part by part.
struct RunPart {
  int64_t origin_ns = 0;  // device clock: the first thing that is known of the run
  int64_t begin_ns = 0, end_ns = 0;
  // The course begins here already, without counting anything before begin_ns: windows of the
  // part's readings may reach back so far.
  int64_t context_ns = 0;
  size_t first_marker = 0;  // RunData::markers before this one ended before context_ns
  // Of the parts before: their operators, first begin and last end of a measured one.
  std::vector<uint32_t> ops;
  int64_t measured_begin_ns = std::numeric_limits<int64_t>::max();
  int64_t measured_end_ns = std::numeric_limits<int64_t>::min();
};
// All of it.
RunPart WholeOf(const RunData& data);

// Times are ns after the run's origin, as doubles: exact for 100 days.
struct RunCourse {
  RunPart part;  // with the operators and the measured time of this part, too

  // Categories 0 to ops().size() - 1 are the operators with these indices that ran in a measured
  // iteration. Operators that run at the same time share the instant equally, as
  // common/attribution/integrate.h says.
  const std::vector<uint32_t>& ops() const { return part.ops; }
  // The measured iterations' time in no operator, pauses between them included.
  uint32_t between() const { return static_cast<uint32_t>(ops().size()); }
  // Phases in which nothing of the job runs: the baseline.
  uint32_t idle() const { return between() + 1; }
  // Setup, warm-up, looped operators, load patterns, decisions between blocks of iterations: none
  // has a power of its own.
  uint32_t other() const { return between() + 2; }
  static constexpr uint32_t kOtherCategories = 3;  // the last three
  size_t categories() const { return ops().size() + kOtherCategories; }

  Occupancy occupancy{0};
  std::vector<double> seconds;                // by category: its share of the part's instants
  std::vector<uint64_t> executions;           // of each operator
  std::vector<double> iteration_begins;       // of the measured ones, rising
  double measure_begin = 0, measure_end = 0;  // first begin and last end of a measured operator

  // Whether [begin, end] is known and touches nothing of other().
  bool IsUsable(double begin, double end) const;
  // How much of [begin, end] is nothing of other(), ns.
  double UsableTime(double begin, double end) const;
  std::vector<double> other_begins, other_ends;  // of the spans of other(), rising
};

// Linear in the part's markers where each thread's follow each other. A run without measured
// operators has no ops.
RunCourse CourseOf(const RunData& data, RunPart part);

}  // namespace synergy
