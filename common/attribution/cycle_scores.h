// How badly reads speak against every phase of a cycle of some period. What a phase costs a read
// is computed once for a few periods and looked up for all others: tens of thousands of periods are
// tried in a second. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/attribution/conversion_times.h"

namespace synergy {

class CycleScores {
 public:
  // `of`: indices of reads, all of register `reg`. Phases count from `zero_ns`.
  CycleScores(const CycleNominal& nominal, const CycleRegister& reg,
              const std::vector<CycleRead>& reads, std::span<const size_t> of, double zero_ns);

  // So many to a period; each is as far off as a half of one.
  size_t phases() const { return phases_; }
  // Mean squares of the residuals, in the register's noise; element k: of a cycle that begins at
  // zero_ns + k / phases() of a period. Valid until the next call.
  std::span<const float> Of(double period_ns);

 private:
  double lowest_ns_, step_ns_;  // periods of the table
  double offset_;
  size_t phases_;
  std::vector<double> after_zero_ns_;  // by read
  // By period of the table, read and phase; the phases twice, so that they can be read from any.
  std::vector<float> table_;
  std::vector<float> sums_;
};

}  // namespace synergy
