#include "daemon/jobs/block_plan.h"

#include <algorithm>
#include <cmath>

#include "common/spec_validation.h"

namespace synergy {

BlockPlan::BlockPlan(const BlockGoal& goal, double iteration_s)
    : goal_(goal), iteration_s_(std::max(iteration_s, 1e-9)) {}

// Iterations of the next block, were there time without end.
double BlockPlan::Wanted() const {
  if (iterations_ == 0) {
    return std::max<double>(goal_.least, std::ceil(kShortestFirstS / iteration_s_));
  }
  const double so_far = iterations_;
  double wanted = so_far;
  if (widest_) {
    const double needed = so_far * (*widest_ / goal_.target) * (*widest_ / goal_.target);
    wanted = std::clamp((1 + kMargin) * (needed - so_far), kLeastGrowth * so_far, so_far);
  }
  return std::ceil(std::max(wanted, goal_.least - so_far));
}

uint32_t BlockPlan::Next(double elapsed_s) const {
  const bool reached = widest_ && *widest_ <= goal_.target && iterations_ >= goal_.least;
  if (reached || unknown_ >= kMostUnknown) return 0;
  // The decision after the block takes its time too, in proportion to all that was measured.
  const double decision_s =
      iterations_ == 0 ? 0 : decision_s_ * (1 + Wanted() / static_cast<double>(iterations_));
  const double possible = std::floor((goal_.max_s - elapsed_s - decision_s) / iteration_s_);
  if (iterations_ == 0) {
    return static_cast<uint32_t>(
        std::clamp(possible, 1.0, std::min<double>(Wanted(), kMaxIterations)));
  }
  if (possible < std::max(1.0, kLeastWorth * iterations_)) return 0;
  return static_cast<uint32_t>(
      std::min({Wanted(), possible, static_cast<double>(kMaxIterations - iterations_)}));
}

void BlockPlan::Measured(uint32_t count, double block_s) {
  iterations_ += count;
  measured_s_ += block_s;
  iteration_s_ = std::max(measured_s_ / iterations_, 1e-9);
}

void BlockPlan::Found(std::optional<double> widest, double decision_s) {
  widest_ = widest;
  decision_s_ = decision_s;
  unknown_ = widest ? 0 : unknown_ + 1;
}

}  // namespace synergy
