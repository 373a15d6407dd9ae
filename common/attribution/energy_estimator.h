// Joules per operator from the chunks of a run, as they come: what least_squares.h says, for as
// much of the run as is there. Pure.
#pragma once

#include "absl/status/status.h"
#include "common/attribution/least_squares.h"
#include "common/attribution/run_data.h"

namespace synergy {

// Thread-compatible.
class EnergyEstimator {
 public:
  // As RunData::Add, whose errors these are; after one nothing of the chunk was taken.
  absl::Status Add(const v1::Chunk& chunk) { return data_.Add(chunk); }

  // Of all that was added. May be called again after more has come.
  LeastSquares Solve() const { return SolveLeastSquares(data_); }

 private:
  RunData data_;
};

}  // namespace synergy
