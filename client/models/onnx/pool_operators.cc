// Pools. Caffe2 takes explicit padding and rounds down, so ceil_mode is worked out here.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "client/models/onnx/onnx_window.h"
#include "client/models/onnx/operator_rows.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// Extends the padding behind so that Caffe2, which rounds down, has as many windows as rounding up
// gives. False: a window would lie wholly on padding, where ONNX gives no value.
bool RoundUp(const std::vector<int64_t>& space, OnnxWindow* window) {
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
OnnxWindow ReadPool(NodeConversion& node, const std::vector<int64_t>& space,
                    std::vector<int64_t>* explicit_pads) {
  OnnxWindow window = ReadWindow(node, space, {});
  if (!node.ok()) return {};
  AutoPad(node, space, &window);
  for (const int64_t dilation : window.dilation) {
    if (dilation != 1) node.Refuse("dilations other than 1: Caffe2's pools have none");
  }
  *explicit_pads = window.Pads();
  const bool ceil = node.IntAttribute("ceil_mode", 0) != 0;
  const bool same = node.StringAttribute("auto_pad", "NOTSET").starts_with("SAME");  // says it all
  if (ceil && !same && node.ok() && !RoundUp(space, &window)) {
    node.Refuse("ceil_mode with a window wholly on padding: Caffe2 has no value for it");
  }
  return window;
}

void CheckPoolPads(NodeConversion& node, const OnnxWindow& window) {
  for (size_t i = 0; node.ok() && i < window.kernel.size(); ++i) {
    if (window.head[i] >= window.kernel[i] || window.tail[i] >= window.kernel[i]) {
      node.Refuse(
          fmt::format("pads [{}] for a window of [{}]: Caffe2's pools take less than the "
                      "window",
                      fmt::join(window.Pads(), ", "), fmt::join(window.kernel, ", ")));
    }
  }
}

void ConvertGlobalPool(NodeConversion& node, const char* type) {
  const NetValue x = node.FloatInput(0);
  const std::vector<int64_t> space = SpatialDims(node, x);
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

void ConvertMaxPool(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const std::vector<int64_t> space = SpatialDims(node, x);
  if (!node.ok()) return;
  if (node.WantsOutput(1)) {
    return node.Refuse("the output Indices: Caffe2's MaxPool gives maxima alone");
  }
  node.IgnoreAttribute("storage_order");  // of the indices
  std::vector<int64_t> unused;
  const OnnxWindow window = ReadPool(node, space, &unused);
  CheckPoolPads(node, window);
  if (node.ok()) node.EmitResult(WindowOperator("MaxPool", window), {x});
}

void ConvertAveragePool(NodeConversion& node) {
  NetValue x = node.FloatInput(0);
  const std::vector<int64_t> space = SpatialDims(node, x);
  if (!node.ok()) return;
  std::vector<int64_t> pads;
  OnnxWindow window = ReadPool(node, space, &pads);
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

void ConvertGlobalAveragePool(NodeConversion& node) { ConvertGlobalPool(node, "AveragePool"); }
void ConvertGlobalMaxPool(NodeConversion& node) { ConvertGlobalPool(node, "MaxPool"); }

}  // namespace synergy
