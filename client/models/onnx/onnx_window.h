#pragma once

#include <cstdint>
#include <vector>

#include "client/models/onnx/node_conversion.h"

// The windows of convolutions and pools. Caffe2 takes explicit padding at both ends of every axis,
// so ONNX's auto_pad is worked out here, from the shapes.
namespace synergy {

// Far beyond any network, and far from overflow: products of two stay within 63 bits.
inline constexpr int64_t kLargestArgument = 1 << 24;

// One sliding window along every spatial axis.
struct OnnxWindow {
  std::vector<int64_t> kernel, stride, dilation, head, tail;

  int64_t Reach(size_t axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }
  std::vector<int64_t> Pads() const {
    std::vector<int64_t> pads = head;
    pads.insert(pads.end(), tail.begin(), tail.end());
    return pads;
  }
};

// An attribute with a number per axis, or `otherwise` for each.
std::vector<int64_t> PerAxis(NodeConversion& node, const char* name, size_t axes, int64_t otherwise,
                             int64_t least);

// Reads the attributes common to all windows. `kernel` is the weights' (empty: the attribute must
// be there).
OnnxWindow ReadWindow(NodeConversion& node, const std::vector<int64_t>& space,
                      const std::vector<int64_t>& kernel);

// Puts what auto_pad stands for in the place of the padding.
void AutoPad(NodeConversion& node, const std::vector<int64_t>& space, OnnxWindow* window);

// The image's size, for tensors of one to three spatial axes.
std::vector<int64_t> SpatialDims(NodeConversion& node, const NetValue& x);

// Of this type, with the arguments that all windows have.
Caffe2Operator WindowOperator(const char* type, const OnnxWindow& window);

}  // namespace synergy
