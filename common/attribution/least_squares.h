// Joules per operator by sensor-aware least squares: what common/attribution/rail_fit.h says, for
// all rails of a run. Pure.
#pragma once

#include <vector>

#include "common/attribution/operator_energies.h"
#include "common/attribution/run_data.h"

namespace synergy {

struct LeastSquares {
  std::vector<uint32_t> ops;      // indices in the net, as in RailEnergy::ops
  std::vector<RailEnergy> rails;  // in the board's order
};

// Never fails: a rail whose operators cannot be told apart says why not.
LeastSquares SolveLeastSquares(const RunData& data);

}  // namespace synergy
