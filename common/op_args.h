#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checked_int.h"
#include "common/op_cost.h"

// What the cost formulas read from an operator's arguments and shapes. Pure.
namespace synergy {

// InvalidArgument that names the operator's type.
absl::Status InvalidOp(const OpSpec& op, std::string_view what);

int64_t IntArg(const OpSpec& op, const std::string& name, int64_t otherwise);

// One value per spatial axis from any of Caffe2's spellings: one for all ("stride"), one per named
// axis ("stride_h", "stride_w") or a list ("strides"); they win in this order, as in Caffe2.
absl::StatusOr<std::vector<int64_t>> SpatialArg(const OpSpec& op, const std::string& name,
                                                size_t rank, int64_t otherwise);

// Padding before the first element of every spatial axis. What is behind the last one follows from
// the output's size. None with legacy_pad SAME, whose padding follows from it too.
absl::StatusOr<std::vector<int64_t>> HeadPads(const OpSpec& op, size_t rank);

// An image tensor taken apart by the operator's storage order.
struct ImageShape {
  int64_t batch = 0;
  int64_t channels = 0;
  std::vector<int64_t> space;
};
absl::StatusOr<ImageShape> AsImage(const OpSpec& op, const OpTensor& tensor);

// One axis of a sliding window over `in` elements with `out` positions.
struct WindowAxis {
  int64_t in = 0;
  int64_t out = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t pad = 0;  // before the first element
};

// Sum over all positions of the elements under the window, those on padding left out.
// InvalidArgument: a kernel, stride or pad that is none, or a position wholly on padding.
absl::StatusOr<CheckedInt> SumOfWindows(const OpSpec& op, const WindowAxis& window);

}  // namespace synergy
