#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/onnx/net_assembly.h"
#include "client/models/onnx/onnx_constant.h"

// Computing with constants while the net is built: what exporters write as Shape, Gather,
// Unsqueeze, Concat and arithmetic is known by then. Pure; operands have been checked to fit.
namespace synergy {

// Whether the value is known and small enough (2^20 elements) to be worth computing with.
bool IsFoldable(const NetValue& value);

// These indices of an axis, in this order; each within the axis.
OnnxConstant Take(const OnnxConstant& x, size_t axis, const std::vector<int64_t>& indices);
OnnxConstant Permute(const OnnxConstant& x, const std::vector<int64_t>& permutation);
// All of one type, with shapes that differ along `axis` alone.
OnnxConstant Join(const std::vector<NetValue>& parts, size_t axis);
// Broadcast to `dims`.
OnnxConstant Spread(const OnnxConstant& x, const std::vector<int64_t>& dims);

// Add, Sub, Mul, Div, Min, Max, Equal of two constants of one type and shape. InvalidArgument: a
// division by 0 or an integer overflow.
absl::StatusOr<OnnxConstant> Combine(std::string_view op, const OnnxConstant& a,
                                     const OnnxConstant& b);
// Element by element; integers stay what they are where `op` is none for them.
OnnxConstant MapFloats(const OnnxConstant& x, const std::function<double(double)>& op);
OnnxConstant CastTo(const OnnxConstant& x, v1::DataType type);

}  // namespace synergy
