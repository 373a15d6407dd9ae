// Finds and follows the cycle of a chip that converts by its own clock, from what its registers
// showed when they were read: acquisition in a piece of the run, then a filter and a smoother of
// the cycle's phase, period and drift. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/attribution/conversion_times.h"
#include "common/attribution/occupancy.h"

namespace synergy {

// All that it is given outlives it.
class ConversionTracker {
 public:
  ConversionTracker(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
                    const std::vector<CycleRead>& reads)
      : nominal_(nominal), registers_(registers), reads_(reads) {}

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
  };
  Acquired Acquire(size_t first, size_t last, size_t stride) const;
  // Filters and smooths from `start`; all reads before it, too. Tries all wanders.
  ConversionTimes Track(const Acquired& start) const;
  // The same from the first read on, with one wander.
  ConversionTimes Follow(const State& begin, double wander) const;

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
  double Score(double phase_ns, double period_ns, const std::vector<size_t>& reads) const;
  double CyclesTo(const CycleRead& read, const State& state) const;
  static void Advance(double cycles, double wander, State* state);
  bool IsCertain(const CycleRead& read, const State& state) const;
  Fit Update(const CycleRead& read, State* state, Likelihood* likelihood, Cursors* cursors) const;
  Pass Filter(State start, size_t from, bool backwards, double wander) const;
  std::vector<State> Smooth(const Pass& pass) const;
  ConversionTimes Report(const Pass& pass, double wander) const;

  const CycleNominal& nominal_;
  const std::vector<CycleRegister>& registers_;
  const std::vector<CycleRead>& reads_;
};

}  // namespace synergy
