#include "client/models/onnx/onnx_window.h"

#include <algorithm>
#include <string>

#include "fmt/format.h"

namespace synergy {
namespace {

// Padding that makes the output ceil(in / stride) long; the odd one behind unless `lower`.
void PadSame(const std::vector<int64_t>& space, bool lower, OnnxWindow* window) {
  for (size_t i = 0; i < space.size(); ++i) {
    const int64_t out = (space[i] + window->stride[i] - 1) / window->stride[i];
    const int64_t total =
        std::max<int64_t>(0, (out - 1) * window->stride[i] + window->Reach(i) - space[i]);
    window->head[i] = lower ? total - total / 2 : total / 2;
    window->tail[i] = total - window->head[i];
  }
}

}  // namespace

std::vector<int64_t> PerAxis(NodeConversion& node, const char* name, size_t axes, int64_t otherwise,
                             int64_t least) {
  std::vector<int64_t> values = node.IntsAttribute(name);
  if (values.empty()) values.assign(axes, otherwise);
  if (values.size() != axes) {
    node.Reject(fmt::format("{} has {} numbers where {} are needed", name, values.size(), axes));
    return std::vector<int64_t>(axes, otherwise);
  }
  for (const int64_t value : values) {
    if (value >= least && value <= kLargestArgument) continue;
    node.Refuse(fmt::format("{} [{}]: Caffe2 takes numbers from {} to {}", name,
                            fmt::join(values, ", "), least, kLargestArgument));
  }
  return values;
}

OnnxWindow ReadWindow(NodeConversion& node, const std::vector<int64_t>& space,
                      const std::vector<int64_t>& kernel) {
  OnnxWindow window;
  window.kernel = kernel;
  if (node.HasAttribute("kernel_shape")) {
    window.kernel = PerAxis(node, "kernel_shape", space.size(), 1, 1);
  }
  if (window.kernel.size() != space.size()) {
    return node.Reject("lacks its kernel_shape"), OnnxWindow{};
  }
  for (const int64_t size : window.kernel) {
    if (size < 1 || size > kLargestArgument) {
      node.Reject(fmt::format("a window of {} elements", size));
    }
  }
  if (!kernel.empty() && window.kernel != kernel) {
    node.Reject(fmt::format("kernel_shape [{}] is not the weights' [{}]",
                            fmt::join(window.kernel, ", "), fmt::join(kernel, ", ")));
  }
  window.stride = PerAxis(node, "strides", space.size(), 1, 1);
  window.dilation = PerAxis(node, "dilations", space.size(), 1, 1);
  const std::vector<int64_t> pads = PerAxis(node, "pads", 2 * space.size(), 0, 0);
  const auto half = static_cast<std::ptrdiff_t>(space.size());
  window.head.assign(pads.begin(), pads.begin() + half);
  window.tail.assign(pads.begin() + half, pads.end());
  return window;
}

void AutoPad(NodeConversion& node, const std::vector<int64_t>& space, OnnxWindow* window) {
  const std::string mode = node.StringAttribute("auto_pad", "NOTSET");
  if (!node.ok() || mode == "NOTSET" || mode.empty()) return;
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    PadSame(space, mode == "SAME_LOWER", window);
  } else if (mode == "VALID") {
    window->head.assign(space.size(), 0);
    window->tail.assign(space.size(), 0);
  } else {
    node.Reject(fmt::format("auto_pad '{}' is none of ONNX's", mode.substr(0, 40)));
  }
}

std::vector<int64_t> SpatialDims(NodeConversion& node, const NetValue& x) {
  if (!node.ok()) return {};
  if (x.rank() < 3 || x.rank() > 5) {
    node.Refuse(
        fmt::format("an input with {} dimensions: Caffe2 has windows over 1 to 3 spatial "
                    "axes, besides batch and channels",
                    x.rank()));
    return {};
  }
  return {x.dims.begin() + 2, x.dims.end()};
}

Caffe2Operator WindowOperator(const char* type, const OnnxWindow& window) {
  Caffe2Operator op(type);
  op.Ints("kernels", window.kernel).Ints("strides", window.stride).Ints("pads", window.Pads());
  return op;
}

}  // namespace synergy
