// By how much one set of runs costs more than another, and how sure that is. Pure.
//
// The model: the logarithm of what a run measures is the true one, plus what differs from run to
// run (another temperature, another layout in memory; independent, normal, the same variance on
// both sides), plus what the run itself cannot tell (RunValue::sd). The means of both sides are
// subtracted, so that the result is a ratio.
//
// The variance of a run is what runs of the same side scatter, pooled over the sides, with
// Student's t of its degrees of freedom; never less than what the runs say of themselves. With one
// run on each side there is no scatter: then it is taken from other runs of the baseline's kind, or
// assumed.
#pragma once

#include <span>
#include <vector>

#include "client/analysis/run_values.h"

namespace synergy {

// How much runs differ beyond what they tell of themselves, where nothing was measured: the
// standard deviation as a share of the value. An interleaved A/A comparison on a busy machine of
// two cores scattered by 1 %; a quiet board with fixed clocks by less.
inline constexpr double kAssumedBetweenRun = 0.01;

struct RunSpread {
  double variance = 0;            // of a run's logarithm; of its between-run part where `assumed`
  double within = 0;              // the part of it that the runs tell of themselves
  double degrees_of_freedom = 0;  // kKnownVariance where `assumed`
  bool assumed = false;
};

// From the scatter within each of the groups; `assumed_sd` where no group has two runs.
RunSpread SpreadOf(const std::vector<std::vector<RunValue>>& groups, double assumed_sd);

// Logarithms of the ratio, candidate to baseline.
struct Increase {
  double log = 0;
  double se = 0;
  double degrees_of_freedom = 0;
  double log_baseline = 0, log_candidate = 0;  // means
  double se_baseline = 0, se_candidate = 0;

  // The end of a one-sided interval that the true ratio is below with probability p.
  double Bound(double p) const;
  // The probability of an estimate as high as this one, or higher, at a true ratio of `log_limit`.
  double ProbabilityAbove(double log_limit) const;
  // What must be added to or taken from a ratio of `log_limit` so that a one-sided test at `alpha`
  // tells it in 80 %.
  double DetectableLog(double alpha) const;
};

// Neither side is empty.
Increase IncreaseOf(std::span<const RunValue> baseline, std::span<const RunValue> candidate,
                    const RunSpread& spread);

// Holm's step-down procedure: the level at which each hypothesis is tested, in their order, so that
// one is rejected just where its p is at most its level; any false rejection at all has at most
// probability alpha. Those behind the first that stands share its level.
// S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
std::vector<double> HolmLevels(const std::vector<double>& p, double alpha);

}  // namespace synergy
