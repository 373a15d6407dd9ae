#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/models/model.h"

// Memory that a network needs on a device, computed before it runs. Pure.
namespace synergy {

struct ActivationMemory {
  int64_t all_bytes = 0;   // every blob that is not a weight: Caffe2 frees none during a run
  int64_t peak_bytes = 0;  // the most at one operator, were each freed after its last use
};

// From the layers, the inputs and the outputs of a model. Weights are what the predict net takes
// from outside, besides its inputs. OutOfRange when a sum does not fit in 64 bits.
absl::StatusOr<ActivationMemory> MeasureActivations(const Model& model);

// What Caffe2 holds at the most while the network runs.
struct RunMemory {
  int64_t weights_bytes = 0;
  int64_t activation_bytes = 0;  // ActivationMemory::all_bytes
  // Of the operators themselves. Each convolution that unfolds its input keeps the unfolded image
  // (im2col) until the net ends, so they add up.
  int64_t scratch_bytes = 0;
  int64_t total_bytes = 0;
};
// Of a completed model. With the default engine of each operator. OutOfRange as above.
absl::StatusOr<RunMemory> MeasureRunMemory(const Model& model);

// What a device needs besides the network: the system, the daemon, the engine's code and its BLAS
// buffers. An estimate, on the small side.
inline constexpr uint64_t kReservedMemoryBytes = uint64_t{192} << 20;

// To be asked before a model is sent. ResourceExhausted where it needs more than a device with
// `device_memory_bytes` (BoardInfo.memory_bytes) can give it; the text has the figures and what to
// do. A device of unknown memory (0) takes all.
absl::Status CheckMemory(const Model& model, uint64_t device_memory_bytes);

}  // namespace synergy
