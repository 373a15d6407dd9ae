// Follows the cycle of a chip that converts by its own clock from where it was found, by what its
// registers showed when they were read: a filter and a smoother of the cycle's phase, period and
// drift. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/attribution/conversion_search.h"
#include "common/attribution/conversion_times.h"

namespace synergy {

// All that it is given outlives it.
class ConversionTracker {
 public:
  ConversionTracker(const CycleNominal& nominal, const std::vector<CycleRegister>& registers,
                    const std::vector<CycleRead>& reads);

  // How likely all reads are if the cycle was where it was found in a piece of them.
  struct Hypothesis {
    FoundCycle start;
    double wander = 0;  // that explains them best
    double log_likelihood = 0;
  };
  Hypothesis Weigh(FoundCycle start) const;
  // What is known at the last read, from read `from` on.
  CyclePhase AtLast(const CyclePhase& start, size_t from, double wander) const;
  // Filters and smooths from what is known at read `from`; all reads before it, too. Where it is
  // lost, it is found anew.
  ConversionTimes Follow(const CyclePhase& start, size_t from, double wander) const;

 private:
  class Likelihood;
  struct Pass;

  const ConversionSearch& search() const;

  double Bend(const CycleRead& read, const WindowFit& fit, double end_ns, double period_ns,
              double reach_ns, size_t* near) const;
  double CyclesTo(const CycleRead& read, const CyclePhase& state) const;
  static void Advance(double cycles, double wander, CyclePhase* state);
  bool IsCertain(const CycleRead& read, const CyclePhase& state) const;
  // Whether no read can be certain any more: after a hole, or where little happened for long.
  static bool IsLost(const CyclePhase& state);
  // The cycle at read `at`, found anew in the reads [first, last) that begin or end there; its
  // period is about that of `lost`. Nothing: they do not tell.
  std::optional<CyclePhase> Relock(const CyclePhase& lost, size_t at, size_t first, size_t last,
                                   double wander) const;
  // `contradicting`: share of the last reads.
  WindowFit Update(const CycleRead& read, CyclePhase* state, double* contradicting,
                   Likelihood* likelihood, size_t* near) const;
  enum class Lost { kFoundAnew, kStaysLost };
  Pass Filter(CyclePhase start, size_t from, bool backwards, double wander, Lost lost) const;
  static std::vector<CyclePhase> Smooth(Pass* pass);
  ConversionTimes Report(Pass pass, double wander) const;

  const CycleNominal& nominal_;
  const std::vector<CycleRegister>& registers_;
  const std::vector<CycleRead>& reads_;
  mutable std::optional<ConversionSearch> search_;  // made where a cycle is lost
};

}  // namespace synergy
