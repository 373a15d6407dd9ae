#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/models/model.h"

namespace synergy {

struct ActivationMemory {
  int64_t all_bytes = 0;   // every blob that is not a weight: Caffe2 frees none during a run
  int64_t peak_bytes = 0;  // the most at one operator, were each freed after its last use
};

// From the layers, the inputs and the outputs of a model. Weights are what the predict net takes
// from outside, besides its inputs. OutOfRange when a sum does not fit in 64 bits.
absl::StatusOr<ActivationMemory> MeasureActivations(const Model& model);

}  // namespace synergy
