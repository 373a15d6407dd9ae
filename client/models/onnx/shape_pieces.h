#pragma once

#include <cstdint>
#include <vector>

#include "client/models/onnx/node_conversion.h"

// Pieces of several operators' conversions: values in other shapes. All shapes are known while the
// net is built, so every shape that ONNX computes becomes an argument.
namespace synergy {

// `value` with axes of length 1 put in at these places of the result; a constant stays one.
NetValue WithAxes(NodeConversion& node, const NetValue& value, const std::vector<size_t>& axes);
NetValue Reshaped(NodeConversion& node, const NetValue& value, const std::vector<int64_t>& dims);
// `value` broadcast to `dims` as numpy does; itself where it has that shape.
NetValue Expanded(NodeConversion& node, const NetValue& value, const std::vector<int64_t>& dims);
// The shape that numpy's broadcasting makes of two; rejected where there is none.
std::vector<int64_t> BroadcastDims(NodeConversion& node, const std::vector<int64_t>& a,
                                   const std::vector<int64_t>& b);
// Has one more output, of Caffe2's own.
Caffe2Operator ReshapeOperator(const std::vector<int64_t>& dims);

// A constant of the same elements in another shape.
NetValue ConstantInShape(NodeConversion& node, const NetValue& value, std::vector<int64_t> dims);
// As Caffe2's arguments hold them.
inline std::vector<int64_t> Signed(const std::vector<size_t>& axes) {
  return {axes.begin(), axes.end()};
}

}  // namespace synergy
