// The cycle of a chip as its rails know it: their readings as reads of one cycle's registers, and
// the times of its conversions by what the rails draw as far as that is known.
#pragma once

#include <vector>

#include "common/attribution/conversion_times.h"
#include "common/attribution/rail_fitting.h"

namespace synergy {

// Of one chip; they outlive whatever is made of them.
using Rails = std::vector<RailFitting*>;

// The readings of all rails in the measured iterations whose windows are free of setup and warm-up
// wherever they lie. Idle phases say nothing of when a conversion was. In the order of the cycles
// that they show: a register whose turn comes late in the cycle shows a conversion of the one
// before for longer.
std::vector<CycleRead> ReadsOf(const RunCourse& course, const Rails& rails);

bool HasFewCertain(const ConversionTimes& times);

// What the conversions' times are found with: the rails as they are known now. Until one of them is
// fitted again.
class RailCycle {
 public:
  RailCycle(const Rails& rails, const std::vector<CycleRead>& reads);

  // FindCycles.
  std::vector<CycleState> Find(bool all = false) const;
  ConversionTimes Track(const CycleState& found) const;
  // By how much longer the readings' delay seems to be than it was taken to be.
  double DelayError(const ConversionTimes& times) const;
  // From where it was before; where it is lost, it is looked for again.
  ConversionTimes Follow(const CycleState& before) const;

 private:
  CycleNominal nominal_;
  std::vector<CycleRegister> registers_;
  std::vector<CycleRead> reads_;  // without the drift
};

}  // namespace synergy
