// Where the cycle of a chip that converts by its own clock is, from nothing: every period and
// phase is held against what its registers showed in a piece of the run. Pure.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/attribution/conversion_times.h"
#include "common/attribution/occupancy.h"

namespace synergy {

// A residual beyond so many standard deviations says nothing more: one bad window among good ones.
inline constexpr double kOutlier = 5;
// Slots that are shorter than this share of a period are looked for as if they were so long: what
// is tried grows with the square of that, and a window of 1 us is found by chance alone.
inline constexpr double kLeastSlotShare = 1.0 / 48;
// How well the change of the period is known at first, relative to it, per cycle.
inline constexpr double kDriftAtFirst = 1e-7;

struct CyclePhase {
  // End of cycle `cycle` [ns], period [ns], change of the period per cycle [ns].
  Eigen::Vector3d x = Eigen::Vector3d::Zero();
  Eigen::Matrix3d p = Eigen::Matrix3d::Identity();  // covariance
  int64_t cycle = 0;
};

// The best hypothesis of a piece. Scores: by how much its reads speak against a hypothesis; 1: as
// much as against any other.
struct FoundCycle {
  CyclePhase phase;  // of read `from`
  size_t from = 0;
  double score = 1;
  // Mean square of what its reads differ by, in their noise; at least 1. The course that they are
  // held against is but roughly known.
  double misfit = 1;
  double period_step_ns = 0;  // in which the period was looked for
  struct Period {
    double ns = 0;
    double score = 1;  // of its best phase
  };
  std::vector<Period> periods;  // all that were tried

  bool HasPeriod(double period_ns) const;
  // The best score of any other than the one that was found.
  double RunnerUp() const;
};

// What the course says of a read, if its conversion ended then.
struct WindowFit {
  double end_ns = 0;
  double edge = 0;       // power at the window's end less that at its begin
  double mean = 0;       // power over the window
  double steady_ns = 0;  // as much earlier or later it changes along with the edge
  double slope = 0;      // how much a ns of phase changes the reading, in its noise
  double residual = 0;   // likewise

  double square() const { return std::min(residual * residual, kOutlier * kOutlier); }
};

// `near`: as PowerCourse::Over has it, of all registers together: they convert in turns.
WindowFit FitWindow(const CycleRegister& reg, const CycleRead& read, double end_ns,
                    double period_ns, size_t* near);

// All that it is given outlives it.
class ConversionSearch {
 public:
  ConversionSearch(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
                   const std::vector<CycleRead>& reads);

  // Acquisition looks at so many reads that may have seen an edge of the power; in one of several
  // pieces of the run.
  static constexpr size_t kPieceReads = 240;
  static constexpr size_t kPieces = 4;
  // Fewer reads tell nothing.
  static constexpr size_t kLeastPiece = 32;
  // The best hypothesis must explain a piece better than the median one by this factor.
  static constexpr double kClearlyBetter = 0.7;

  FoundCycle Piece(size_t piece) const;
  // About that period in more reads around: finer, where a piece has few edges.
  FoundCycle Around(const FoundCycle& found) const;
  // In the reads [first, last), for periods from `lowest_ns` to `highest_ns`. Score 1: too few of
  // them may have seen an edge.
  FoundCycle In(size_t first, size_t last, double lowest_ns, double highest_ns) const;
  // Reads [first, last) of a piece that begins at read `at`, or ends there.
  std::pair<size_t, size_t> PieceFrom(size_t at, bool backwards) const;

 private:
  // The register whose readings vary most, in its noise: one that hardly moves tells no hypothesis
  // from another.
  uint32_t Strongest() const;
  // Which of its reads tell one hypothesis from another: between edges all say the same.
  std::vector<size_t> Telling(uint32_t reg) const;
  static double LengthNs(const std::vector<CycleRead>& reads, std::span<const size_t> of) {
    return reads[of.back()].middle_ns() - reads[of.front()].middle_ns();
  }
  std::span<const size_t> Shorten(double periods_a_ns, std::span<const size_t> reads) const;
  double Score(double phase_ns, double period_ns, std::span<const size_t> reads) const;
  void Refine(double step_ns, std::span<const size_t> reads, FoundCycle* found) const;

  const CycleNominal& nominal_;
  const std::vector<CycleRegister>& registers_;
  const std::vector<CycleRead>& reads_;
  // Where the chip is read more often than it converts, a read in two tells as much.
  size_t stride_ = 1;
  std::vector<size_t> telling_;  // indices of reads, all that is looked at
  size_t piece_telling_ = 0;
};

}  // namespace synergy
