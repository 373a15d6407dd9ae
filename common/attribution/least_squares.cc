#include "common/attribution/least_squares.h"

#include "common/attribution/run_fit.h"

namespace synergy {

LeastSquares SolveLeastSquares(const RunData& data) {
  RunFit fit;
  fit.Advance(data);
  return fit.Finish(data);
}

}  // namespace synergy
