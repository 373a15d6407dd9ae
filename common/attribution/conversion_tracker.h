// Finds and follows the cycle of a chip that converts by its own clock, from what its registers
// showed when they were read: acquisition in a piece of the run, then a filter and a smoother of
// the cycle's phase, period and drift. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/attribution/conversion_times.h"
#include "common/attribution/occupancy.h"

namespace synergy {

// All that it is given outlives it.
class ConversionTracker {
 public:
  ConversionTracker(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
                    const std::vector<CycleRead>& reads);

  // Acquisition looks at so many reads of each register; in one of several pieces of the run, since
  // one may be poor in edges.
  static constexpr size_t kPieceReads = 240;
  static constexpr size_t kPieces = 4;
  // The best hypothesis must explain a piece better than the median one by this factor.
  static constexpr double kClearlyBetter = 0.7;
  // A residual beyond so many standard deviations says nothing more: one bad window among good
  // ones.
  static constexpr double kOutlier = 5;
  // How well the change of the period is known at first, relative to it, per cycle.
  static constexpr double kDriftAtFirst = 1e-7;

  struct State {
    // End of cycle `cycle` [ns], period [ns], change of the period per cycle [ns].
    Eigen::Vector3d x = Eigen::Vector3d::Zero();
    Eigen::Matrix3d p = Eigen::Matrix3d::Identity();  // covariance
    int64_t cycle = 0;
  };
  // A hypothesis, and by how much the reads speak against it; 1: as much as against any other.
  struct Acquired {
    State state;  // of read `from`
    size_t from = 0;
    double score = 1;
    double period_step_ns = 0;  // in which the period was looked for
  };
  Acquired Acquire(size_t piece) const;
  // Filters and smooths from `start`; all reads before it, too. Tries all wanders.
  ConversionTimes Track(const Acquired& start) const;
  // The same with one wander, from what is known at read `from`.
  ConversionTimes Follow(const State& start, size_t from, double wander) const;

 private:
  class Likelihood;
  struct Pass;
  struct Fit;

  // The register whose readings vary most, in its noise: one that hardly moves tells no hypothesis
  // from another.
  uint32_t Strongest() const;
  double Middle(size_t read) const {
    return 0.5 * (reads_[read].earliest_ns + reads_[read].latest_ns);
  }
  using Cursors = std::vector<WindowCursor>;  // by register
  Cursors MakeCursors() const;
  Fit Compare(const CycleRead& read, double end_ns, double period_ns, Cursors* cursors) const;
  double Bend(const CycleRead& read, const Fit& fit, double end_ns, double period_ns,
              double reach_ns, Cursors* cursors) const;
  // In the reads [first, last), for periods from `lowest_ns` to `highest_ns`.
  Acquired Search(size_t first, size_t last, double lowest_ns, double highest_ns) const;
  double Score(double phase_ns, double period_ns, const std::vector<size_t>& reads) const;
  State Refine(const State& coarse, double step_ns, double period_step_ns,
               const std::vector<size_t>& reads) const;
  double CyclesTo(const CycleRead& read, const State& state) const;
  static void Advance(double cycles, double wander, State* state);
  bool IsCertain(const CycleRead& read, const State& state) const;
  // Whether no read can be certain any more: after a hole, or where little happened for long.
  static bool IsLost(const State& state);
  // The cycle found anew from the reads around `at` and behind it, whose period is about that of
  // `lost`. Nothing: they do not tell.
  std::optional<State> Relock(const State& lost, size_t at, bool backwards, double wander) const;
  Fit Update(const CycleRead& read, State* state, Likelihood* likelihood, Cursors* cursors) const;
  Pass Filter(State start, size_t from, bool backwards, double wander) const;
  std::vector<State> Smooth(const Pass& pass) const;
  ConversionTimes Report(const Pass& pass, double wander) const;

  const CycleNominal& nominal_;
  const std::vector<CycleRegister>& registers_;
  const std::vector<CycleRead>& reads_;
  // Where the chip is read more often than it converts, a read in two tells as much.
  size_t stride_ = 1, piece_reads_ = 0;
};

}  // namespace synergy
