#pragma once

#include <cstdint>
#include <vector>

#include "client/models/onnx/node_conversion.h"

// Chains of operators that take elements of a value axis by axis: what slices, gathers, padding and
// resizing are made of.
namespace synergy {

// One step of a chain of operators on one value; the last of them makes the node's output.
struct Step {
  Caffe2Operator op;
  std::vector<NetValue> more;  // inputs after the value itself
  bool extra = false;          // has one more output, of Caffe2's own
};
void RunSteps(NodeConversion& node, NetValue x, const std::vector<Step>& steps);

// Elements of an axis that are taken one by one are listed in a weight.
inline constexpr int64_t kMostIndices = 1 << 20;
void RefuseIndices(NodeConversion& node, size_t axis);

// Takes these elements of an axis, in this order.
Step TakeStep(NodeConversion& node, size_t axis, const std::vector<int64_t>& indices);
// Takes the elements [begin, end) of an axis; Caffe2's Slice cuts one axis at a time.
Step CutStep(const std::vector<int64_t>& dims, size_t axis, int64_t begin, int64_t end);

}  // namespace synergy
