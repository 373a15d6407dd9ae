#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "client/models/onnx/onnx_window.h"
#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/shape_pieces.h"
#include "fmt/format.h"

namespace synergy {

void ConvertConv(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const NetValue weights = node.FloatInput(1);
  const std::vector<int64_t> space = SpatialDims(node, x);
  if (!node.ok()) return;
  if (weights.rank() != x.rank()) {
    return node.Reject(
        fmt::format("weights with {} dimensions for an input with {}", weights.rank(), x.rank()));
  }
  OnnxWindow window = ReadWindow(node, space, {weights.dims.begin() + 2, weights.dims.end()});
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
void PadTransposed(NodeConversion& node, const std::vector<int64_t>& space, OnnxWindow* window,
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
  std::vector<int64_t> space = SpatialDims(node, x);
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
  OnnxWindow window = ReadWindow(node, space, {weights.dims.begin() + 2, weights.dims.end()});
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

}  // namespace synergy
