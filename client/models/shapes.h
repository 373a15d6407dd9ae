#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/layer_specs.h"

// Output shapes of operators from their input shapes, as Caffe2 computes them. Pure.
// InvalidArgument with the shapes at hand when an operator cannot take its input; the caller adds
// the layer's name.
namespace synergy {

using Dims = std::vector<int64_t>;

// Every dimension at least 1, and no more elements than Caffe2's operators can index (they use
// int).
absl::Status CheckBlobShape(const Dims& dims);

absl::StatusOr<Dims> ConvShape(const Dims& in, const ConvSpec& spec);
absl::StatusOr<Dims> FcShape(const Dims& in, const FcSpec& spec);
absl::StatusOr<Dims> GlobalPoolShape(const Dims& in);
absl::StatusOr<Dims> ConcatShape(const std::vector<Dims>& in);                 // along the channels
absl::StatusOr<std::vector<Dims>> SplitShapes(const Dims& in, int64_t parts);  // likewise
absl::StatusOr<Dims> SumShape(const std::vector<Dims>& in);
absl::Status CheckImage(const Dims& in);

// A pool's output, and the padding at bottom and right that makes Caffe2 compute it.
struct PoolShape {
  Dims out;
  int64_t pad_bottom = 0;
  int64_t pad_right = 0;
};
absl::StatusOr<PoolShape> PoolShapeOf(const Dims& in, const PoolSpec& spec);

}  // namespace synergy
