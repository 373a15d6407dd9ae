#include "common/op_window.h"

#include <algorithm>
#include <vector>

#include "common/op_args.h"

namespace synergy {
namespace {

int64_t ProductOf(const std::vector<int64_t>& sizes) {
  CheckedInt product(1);
  for (const int64_t size : sizes) product *= size;
  return product.overflow() ? 1 : std::max<int64_t>(product.value(), 1);
}

// What lies behind the batch and the channels of weights or images.
std::vector<int64_t> SpaceOf(const OpSpec& op, const OpTensor& tensor) {
  const absl::StatusOr<ImageShape> image = AsImage(op, tensor);
  return image.ok() ? image->space : std::vector<int64_t>();
}

bool IsPool(const OpSpec& op) {
  return op.type.starts_with("MaxPool") || op.type.starts_with("AveragePool");
}

}  // namespace

OpWindow WindowOf(const OpSpec& op) {
  const bool is_conv = op.type.starts_with("Conv") && op.inputs.size() >= 2;
  if (op.inputs.empty() || !(is_conv || IsPool(op))) return {};
  const std::vector<int64_t> space = SpaceOf(op, op.inputs[0]);
  if (space.empty()) return {};
  OpWindow window;
  if (is_conv) {
    window.taps = ProductOf(SpaceOf(op, op.inputs[1]));
    window.groups = std::max<int64_t>(IntArg(op, "group", 1), 1);
  } else if (IntArg(op, "global_pooling", 0) != 0) {
    window.taps = ProductOf(space);
    return window;
  } else if (const auto kernel = SpatialArg(op, "kernel", space.size(), 1); kernel.ok()) {
    window.taps = ProductOf(*kernel);
  }
  const auto stride = SpatialArg(op, "stride", space.size(), 1);
  if (stride.ok()) window.stride = std::max<int64_t>(std::ranges::max(*stride), 1);
  return window;
}

}  // namespace synergy
