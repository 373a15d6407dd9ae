#include "daemon/power/simulated_cpu.h"

#include <algorithm>
#include <utility>

namespace synergy::sim {

SimulatedCpu::SimulatedCpu(const SimulationProfile& board) : board_(board) {
  for (const SimulatedPolicy& policy : board.policies) {
    speeds_.push_back(
        {.idle_khz = policy.khz.back(), .busy_khz = policy.khz.back(), .cores_on = policy.cores});
  }
}

void SimulatedCpu::SetSpeeds(std::vector<CpuSpeed> speeds) {
  if (speeds.size() == speeds_.size()) speeds_ = std::move(speeds);
}

MonotonicTime SimulatedCpu::rests_from() const {
  return worked_until_ ? *worked_until_ + kHold : MonotonicTime{INT64_MIN};
}

int64_t SimulatedCpu::Khz(size_t policy, bool busy) const {
  if (policy >= speeds_.size()) return 0;
  const int64_t wanted = busy ? speeds_[policy].busy_khz : speeds_[policy].idle_khz;
  if (!held_khz_ || wanted <= *held_khz_) return wanted;
  // The fastest of its own that is not above it.
  const std::vector<int64_t>& table = board_.policies[policy].khz;
  const auto above = std::ranges::upper_bound(table, *held_khz_);
  return std::min(wanted, above == table.begin() ? table.front() : *(above - 1));
}

CpuOperatingPoint SimulatedCpu::Point(bool busy) const {
  int64_t khz = 0;
  for (size_t policy = 0; policy < speeds_.size(); ++policy) {
    if (speeds_[policy].cores_on > 0) khz = std::max(khz, Khz(policy, busy));
  }
  return OperatingPointAt(board_, 1e3 * static_cast<double>(khz));
}

uint32_t SimulatedCpu::cores_on() const {
  uint32_t cores = 0;
  for (const CpuSpeed& speed : speeds_) cores += speed.cores_on;
  return std::clamp(cores, 1u, board_.cores);
}

}  // namespace synergy::sim
