#include "common/attribution/energy_estimator.h"

namespace synergy {

absl::Status EnergyEstimator::Add(const v1::Chunk& chunk) {
  if (absl::Status status = data_.Add(chunk); !status.ok()) return status;
  fit_.Advance(data_);
  fit_.Trim(&data_);
  return absl::OkStatus();
}

}  // namespace synergy
