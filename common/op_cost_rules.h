// The formulas of op_cost.h for operators whose cost is more than a number per element. Internal to
// common/.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checked_int.h"
#include "common/op_cost.h"

namespace synergy {

// What an operator's own rule finds; bytes and parameters follow from the tensors for all of them.
struct OpWork {
  CheckedInt macs = 0;
  CheckedInt flops = 0;
};

CheckedInt Elements(const OpTensor& tensor);
absl::Status NeedTensors(const OpSpec& op, size_t least, size_t most);

absl::StatusOr<OpWork> CostOfConv(const OpSpec& op);
absl::StatusOr<OpWork> CostOfConvTranspose(const OpSpec& op);
absl::StatusOr<OpWork> CostOfFc(const OpSpec& op);
absl::StatusOr<OpWork> CostOfFcTransposed(const OpSpec& op);
absl::StatusOr<OpWork> CostOfMatMul(const OpSpec& op);
absl::StatusOr<OpWork> CostOfMaxPool(const OpSpec& op);
absl::StatusOr<OpWork> CostOfAveragePool(const OpSpec& op);
absl::StatusOr<OpWork> CostOfLrn(const OpSpec& op);
absl::StatusOr<OpWork> CostOfSpatialBn(const OpSpec& op);
absl::StatusOr<OpWork> CostOfInstanceNorm(const OpSpec& op);
absl::StatusOr<OpWork> CostOfSum(const OpSpec& op);  // also Max and Min of several tensors
absl::StatusOr<OpWork> CostOfMean(const OpSpec& op);
absl::StatusOr<OpWork> CostOfReduction(const OpSpec& op);

}  // namespace synergy
