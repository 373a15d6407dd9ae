// Joules per operator from the chunks of a run, as they come: what least_squares.h says, for as
// much of the run as is there, bit by bit the same. Its memory does not grow with the run. Pure.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/attribution/least_squares.h"
#include "common/attribution/run_data.h"
#include "common/attribution/run_fit.h"

namespace synergy {

// Thread-compatible. Copies are independent.
class EnergyEstimator {
 public:
  // As RunData::Add, whose errors these are; after one nothing of the chunk was taken. Now and then
  // it works on a whole part of the run: the first 49,152 readings of each rail take some seconds.
  absl::Status Add(const v1::Chunk& chunk);

  // Of all that was added. May be called again after more has come.
  LeastSquares Solve() const { return fit_.Finish(data_); }
  // Measured to their end, of all that was added.
  uint64_t iterations() const { return fit_.iterations(); }

 private:
  RunData data_;  // what no part has taken in yet
  RunFit fit_;
};

}  // namespace synergy
