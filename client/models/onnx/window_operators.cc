// Convolutions and pools. Caffe2 takes explicit padding at both ends of every axis, so ONNX's
// auto_pad and ceil_mode are worked out here, from the shapes.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "client/models/onnx/operator_rows.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// Far beyond any network, and far from overflow: products of two stay within 63 bits.
constexpr int64_t kLargestArgument = 1 << 24;

// One sliding window along every spatial axis.
struct Window {
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

// Padding that makes the output ceil(in / stride) long; the odd one behind unless `lower`.
void PadSame(const std::vector<int64_t>& space, bool lower, Window* window) {
  for (size_t i = 0; i < space.size(); ++i) {
    const int64_t out = (space[i] + window->stride[i] - 1) / window->stride[i];
    const int64_t total =
        std::max<int64_t>(0, (out - 1) * window->stride[i] + window->Reach(i) - space[i]);
    window->head[i] = lower ? total - total / 2 : total / 2;
    window->tail[i] = total - window->head[i];
  }
}

// Reads the attributes common to all windows. `kernel` is the weights' (empty: the attribute must
// be there).
Window ReadWindow(NodeConversion& node, const std::vector<int64_t>& space,
                  const std::vector<int64_t>& kernel) {
  Window window;
  window.kernel = kernel;
  if (node.HasAttribute("kernel_shape")) {
    window.kernel = PerAxis(node, "kernel_shape", space.size(), 1, 1);
  }
  if (window.kernel.size() != space.size()) {
    return node.Reject("lacks its kernel_shape"), Window{};
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

void AutoPad(NodeConversion& node, const std::vector<int64_t>& space, Window* window) {
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

// The image's size, for tensors of one to three spatial axes.
std::vector<int64_t> Space(NodeConversion& node, const NetValue& x) {
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

Caffe2Operator WindowOperator(const char* type, const Window& window) {
  Caffe2Operator op(type);
  op.Ints("kernels", window.kernel).Ints("strides", window.stride).Ints("pads", window.Pads());
  return op;
}

}  // namespace

void ConvertConv(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const NetValue weights = node.FloatInput(1);
  const std::vector<int64_t> space = Space(node, x);
  if (!node.ok()) return;
  if (weights.rank() != x.rank()) {
    return node.Reject(
        fmt::format("weights with {} dimensions for an input with {}", weights.rank(), x.rank()));
  }
  Window window = ReadWindow(node, space, {weights.dims.begin() + 2, weights.dims.end()});
  if (!node.ok()) return;
  AutoPad(node, space, &window);
  Caffe2Operator op = WindowOperator("Conv", window);
  op.Ints("dilations", window.dilation);
  op.Int("group", node.IntAttribute("group", 1));
  std::vector<NetValue> inputs = {x, weights};
  if (node.HasInput(2)) inputs.push_back(node.FloatInput(2));
  node.EmitResult(op, inputs);
}

namespace {

// What ConvTranspose takes away at both ends (`head`, `tail`) and adds behind (`adjust`).
void PadTransposed(NodeConversion& node, const std::vector<int64_t>& space, Window* window,
                   std::vector<int64_t>* adjust) {
  *adjust = PerAxis(node, "output_padding", space.size(), 0, 0);
  std::vector<int64_t> wanted = node.IntsAttribute("output_shape");
  const std::string mode = node.StringAttribute("auto_pad", "NOTSET");
  if (!node.ok()) return;
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (wanted.size() > space.size()) {  // some exporters write batch and channels too
    wanted.erase(wanted.begin(), wanted.end() - static_cast<std::ptrdiff_t>(space.size()));
  }
  if (!wanted.empty() && wanted.size() != space.size()) {
    return node.Reject(fmt::format("output_shape has {} numbers for {} spatial axes", wanted.size(),
                                   space.size()));
  }
  if (wanted.empty() && !same) return AutoPad(node, space, window);
  for (size_t i = 0; i < space.size(); ++i) {
    const int64_t out = wanted.empty() ? space[i] * window->stride[i] : wanted[i];
    const int64_t full = (space[i] - 1) * window->stride[i] + window->Reach(i);
    if (out < 1 || out > kLargestArgument * 2) {
      return node.Reject(fmt::format("an output of {} elements along an axis", out));
    }
    const int64_t total = full + (*adjust)[i] - out;
    if (total < 0) (*adjust)[i] -= total;
    const int64_t cut = std::max<int64_t>(0, total);
    window->head[i] = mode == "SAME_UPPER" ? cut / 2 : cut - cut / 2;
    window->tail[i] = cut - window->head[i];
  }
}

}  // namespace

void ConvertConvTranspose(NodeConversion& node) {
  NetValue x = node.FloatInput(0);
  NetValue weights = node.FloatInput(1);
  std::vector<int64_t> space = Space(node, x);
  if (!node.ok()) return;
  if (space.size() > 2) {
    return node.Refuse(
        fmt::format("{} spatial axes: Caffe2's ConvTranspose has one for height and one for width",
                    space.size()));
  }
  if (weights.rank() != x.rank()) {
    return node.Reject(
        fmt::format("weights with {} dimensions for an input with {}", weights.rank(), x.rank()));
  }
  Window window = ReadWindow(node, space, {weights.dims.begin() + 2, weights.dims.end()});
  if (!node.ok()) return;
  for (const int64_t dilation : window.dilation) {
    if (dilation != 1) node.Refuse("dilations other than 1: Caffe2's ConvTranspose has none");
  }
  std::vector<int64_t> adjust;
  PadTransposed(node, space, &window, &adjust);
  if (!node.ok()) return;
  for (size_t i = 0; i < space.size(); ++i) {
    if (adjust[i] >= window.stride[i] && adjust[i] > 0) {
      return node.Refuse(
          fmt::format("output_padding of {} with stride {}: Caffe2's ConvTranspose takes less than "
                      "the stride",
                      adjust[i], window.stride[i]));
    }
  }
  const int64_t group = node.IntAttribute("group", 1);
  std::vector<NetValue> inputs;
  const bool line = space.size() == 1;  // one spatial axis: images of width 1
  if (line) {
    x = WithAxes(node, x, {3});
    weights = WithAxes(node, weights, {3});
    window.kernel.push_back(1);
    window.stride.push_back(1);
    window.head.push_back(0);
    window.tail.push_back(0);
    adjust.push_back(0);
  }
  inputs = {x, weights};
  if (node.HasInput(2)) inputs.push_back(node.FloatInput(2));
  Caffe2Operator op = WindowOperator("ConvTranspose", window);
  op.Ints("adjs", adjust).Int("group", group);
  if (!line) return node.EmitResult(op, inputs);
  node.EmitResult(Caffe2Operator("Squeeze").Ints("dims", {3}), {node.Emit(op, inputs)});
}

namespace {

// Extends the padding behind so that Caffe2, which rounds down, has as many windows as rounding up
// gives. False: a window would lie wholly on padding, where ONNX gives no value.
bool RoundUp(const std::vector<int64_t>& space, Window* window) {
  for (size_t i = 0; i < space.size(); ++i) {
    const int64_t stride = window->stride[i];
    const int64_t slack = space[i] + window->head[i] + window->tail[i] - window->Reach(i);
    if (slack < 0) continue;  // too small for one window: Caffe2's shapes say so
    const int64_t last = (slack + stride - 1) / stride * stride;  // the last window's begin
    if (last - window->head[i] >= space[i]) return false;
    window->tail[i] =
        std::max(window->tail[i], last + window->Reach(i) - space[i] - window->head[i]);
  }
  return true;
}

// The window of a pool, as Caffe2 takes it; `*explicit_pads` are the padding before ceil_mode.
Window ReadPool(NodeConversion& node, const std::vector<int64_t>& space,
                std::vector<int64_t>* explicit_pads) {
  Window window = ReadWindow(node, space, {});
  if (!node.ok()) return {};
  AutoPad(node, space, &window);
  for (const int64_t dilation : window.dilation) {
    if (dilation != 1) node.Refuse("dilations other than 1: Caffe2's pools have none");
  }
  *explicit_pads = window.Pads();
  if (node.IntAttribute("ceil_mode", 0) != 0 && node.ok() && !RoundUp(space, &window)) {
    node.Refuse("ceil_mode with a window wholly on padding: Caffe2 has no value for it");
  }
  return window;
}

void CheckPoolPads(NodeConversion& node, const Window& window) {
  for (size_t i = 0; node.ok() && i < window.kernel.size(); ++i) {
    if (window.head[i] >= window.kernel[i] || window.tail[i] >= window.kernel[i]) {
      node.Refuse(
          fmt::format("pads [{}] for a window of [{}]: Caffe2's pools take less than the "
                      "window",
                      fmt::join(window.Pads(), ", "), fmt::join(window.kernel, ", ")));
    }
  }
}

}  // namespace

void ConvertMaxPool(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const std::vector<int64_t> space = Space(node, x);
  if (!node.ok()) return;
  if (node.WantsOutput(1)) {
    return node.Refuse("the output Indices: Caffe2's MaxPool gives maxima alone");
  }
  node.IgnoreAttribute("storage_order");  // of the indices
  std::vector<int64_t> unused;
  const Window window = ReadPool(node, space, &unused);
  CheckPoolPads(node, window);
  if (node.ok()) node.EmitResult(WindowOperator("MaxPool", window), {x});
}

void ConvertAveragePool(NodeConversion& node) {
  NetValue x = node.FloatInput(0);
  const std::vector<int64_t> space = Space(node, x);
  if (!node.ok()) return;
  std::vector<int64_t> pads;
  Window window = ReadPool(node, space, &pads);
  bool count_pads = node.IntAttribute("count_include_pad", 0) != 0;
  if (!node.ok()) return;
  if (count_pads && pads != window.Pads()) {
    // What ceil_mode adds is not counted, so the padding that counts becomes part of the image.
    if (space.size() != 2) {
      return node.Refuse(fmt::format(
          "count_include_pad with ceil_mode on {} spatial axes: Caffe2's PadImage has two",
          space.size()));
    }
    x = node.Emit(Caffe2Operator("PadImage").Ints("pads", pads), {x});
    count_pads = false;
    for (size_t i = 0; i < 2; ++i) {
      window.head[i] = 0;
      window.tail[i] -= pads[2 + i];
    }
  }
  CheckPoolPads(node, window);
  if (!node.ok()) return;
  Caffe2Operator op = WindowOperator("AveragePool", window);
  if (count_pads) op.Int("count_include_pad", 1);
  node.EmitResult(op, {x});
}

namespace {

void ConvertGlobalPool(NodeConversion& node, const char* type) {
  const NetValue x = node.FloatInput(0);
  const std::vector<int64_t> space = Space(node, x);
  if (!node.ok()) return;
  Caffe2Operator op(type);
  if (space.size() == 2) {
    op.Int("global_pooling", 1);
  } else {
    op.Ints("kernels", space);
  }
  node.EmitResult(op, {x});
}

}  // namespace

void ConvertGlobalAveragePool(NodeConversion& node) { ConvertGlobalPool(node, "AveragePool"); }
void ConvertGlobalMaxPool(NodeConversion& node) { ConvertGlobalPool(node, "MaxPool"); }

}  // namespace synergy
