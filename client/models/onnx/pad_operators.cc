// Padding.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/sampling_steps.h"
#include "client/models/onnx/shape_pieces.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// Padding of every axis in front and behind.
struct Padding {
  std::vector<int64_t> head, tail;
};

// A constant block beside `x` along an axis. Blocks are weights, so they are kept small.
constexpr int64_t kLargestBlock = 1 << 22;

NetValue Block(NodeConversion& node, const NetValue& x, size_t axis, int64_t length, double value) {
  std::vector<int64_t> dims = x.dims;
  dims[axis] = length;
  const auto count = ElementCount(dims);
  if (!count.ok() || *count > kLargestBlock) {
    return node.Refuse(fmt::format(
               "padding of axis {} by {}: Caffe2's PadImage pads height and width, and the block "
               "that would be put beside the others is too large",
               axis, length)),
           NetValue{};
  }
  OnnxConstant number = FloatConstant({}, {static_cast<float>(value)});
  if (x.type != v1::DATA_TYPE_FLOAT32) number = CastTo(number, x.type);
  return node.Constant(Spread(number, dims));
}

// Pads one axis with a constant by putting blocks beside it.
NetValue PadAxis(NodeConversion& node, const NetValue& x, size_t axis, const Padding& padding,
                 double value) {
  std::vector<NetValue> parts;
  if (padding.head[axis] > 0) parts.push_back(Block(node, x, axis, padding.head[axis], value));
  parts.push_back(x);
  if (padding.tail[axis] > 0) parts.push_back(Block(node, x, axis, padding.tail[axis], value));
  if (!node.ok()) return {};
  return node.EmitWithExtra(Caffe2Operator("Concat").Int("axis", static_cast<int64_t>(axis)),
                            parts);
}

// The elements that the modes "edge" and "reflect" put along an axis.
std::vector<int64_t> MirrorIndices(const std::string& mode, int64_t length, int64_t head,
                                   int64_t tail) {
  std::vector<int64_t> indices;
  for (int64_t i = -head; i < length + tail; ++i) {
    const int64_t mirrored = i < 0 ? -i : i >= length ? 2 * length - 2 - i : i;
    indices.push_back(mode == "edge" ? std::clamp<int64_t>(i, 0, length - 1) : mirrored);
  }
  return indices;
}

Step PadImageStep(const Padding& padding, const std::string& mode, double value, size_t height) {
  Caffe2Operator op("PadImage");
  op.Ints("pads", {padding.head[height], padding.head[height + 1], padding.tail[height],
                   padding.tail[height + 1]})
      .String("mode", mode)
      .Float("value", value)
      .String("order", "NCHW");
  return {op, {}};
}

// Pads height and width of an image, or the last one or two axes of what can be seen as images.
void PadImages(NodeConversion& node, const NetValue& x, Padding padding, const std::string& mode,
               double value) {
  if (x.rank() == 4) return RunSteps(node, x, {PadImageStep(padding, mode, value, 2)});
  std::vector<int64_t> image = x.dims;
  std::vector<int64_t> padded;
  for (size_t i = 0; i < x.rank(); ++i) {
    padded.push_back(x.dims[i] + padding.head[i] + padding.tail[i]);
  }
  while (image.size() < 4) {
    image.insert(image.begin(), 1);
    padding.head.insert(padding.head.begin(), 0);
    padding.tail.insert(padding.tail.begin(), 0);
  }
  while (image.size() > 4) {
    image[1] *= image[0];
    image.erase(image.begin());
    padding.head.erase(padding.head.begin());
    padding.tail.erase(padding.tail.begin());
  }
  RunSteps(node, x,
           {{ReshapeOperator(image), {}, true},
            PadImageStep(padding, mode, value, 2),
            {ReshapeOperator(padded), {}, true}});
}

// What is cut off where padding is negative; the padding that is left.
NetValue CutNegative(NodeConversion& node, NetValue x, Padding* padding) {
  for (size_t i = 0; i < x.rank(); ++i) {
    const int64_t begin = std::max<int64_t>(0, -padding->head[i]);
    const int64_t end = x.dims[i] - std::max<int64_t>(0, -padding->tail[i]);
    padding->head[i] = std::max<int64_t>(0, padding->head[i]);
    padding->tail[i] = std::max<int64_t>(0, padding->tail[i]);
    if (begin == 0 && end == x.dims[i]) continue;
    if (begin > end) return node.Reject("cuts off more than there is"), NetValue{};
    x = node.Emit(CutStep(x.dims, i, begin, end).op, {x});
    if (!node.ok()) return {};
  }
  return x;
}

// Which axes are padded; none after an error.
std::vector<size_t> PaddedAxes(NodeConversion& node, const NetValue& x, const Padding& padding,
                               const std::string& mode) {
  std::vector<size_t> padded;
  for (size_t i = 0; node.ok() && i < x.rank(); ++i) {
    const int64_t most = std::max(padding.head[i], padding.tail[i]);
    if (most <= 0) continue;
    if (mode == "reflect" && most >= x.dims[i]) {
      node.Reject(fmt::format("reflects more of axis {} than there is", i));
    }
    if (mode == "edge" && x.dims[i] < 1) node.Reject("an empty axis has no edge");
    padded.push_back(i);
  }
  return padded;
}

// Images of float32 are padded by Caffe2's PadImage. Elsewhere a constant is put beside the values,
// and edges and mirror images are taken from them.
void EmitPad(NodeConversion& node, const std::vector<int64_t>& pads, double value) {
  NetValue x = node.Input(
      0, {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64, v1::DATA_TYPE_INT32, v1::DATA_TYPE_INT64});
  const std::string mode = node.StringAttribute("mode", "constant");
  if (!node.ok()) return;
  if (pads.size() != 2 * x.rank()) {
    return node.Reject(fmt::format("{} pads for {} axes", pads.size(), x.rank()));
  }
  if (mode != "constant" && mode != "reflect" && mode != "edge") {
    return node.Refuse(
        fmt::format("mode '{}': Caffe2 has constant, reflect and edge", mode.substr(0, 40)));
  }
  for (const int64_t pad : pads) {
    if (pad < -(1 << 24) || pad > (1 << 24)) return node.Refuse(fmt::format("a pad of {}", pad));
  }
  const auto half = static_cast<std::ptrdiff_t>(x.rank());
  Padding padding = {{pads.begin(), pads.begin() + half}, {pads.begin() + half, pads.end()}};
  x = CutNegative(node, x, &padding);
  const std::vector<size_t> padded = PaddedAxes(node, x, padding, mode);
  if (!node.ok()) return;
  if (padded.empty()) return node.Bind(0, x);
  if (padded.front() + 2 >= x.rank() && x.type == v1::DATA_TYPE_FLOAT32) {
    return PadImages(node, x, padding, mode, value);
  }
  std::vector<Step> chain;
  for (const size_t axis : padded) {
    if (mode == "constant") {
      x = PadAxis(node, x, axis, padding, value);
      if (!node.ok()) return;
    } else if (x.dims[axis] + padding.head[axis] + padding.tail[axis] > kMostIndices) {
      return RefuseIndices(node, axis);
    } else {
      chain.push_back(TakeStep(
          node, axis, MirrorIndices(mode, x.dims[axis], padding.head[axis], padding.tail[axis])));
    }
  }
  RunSteps(node, x, chain);
}

}  // namespace

void ConvertPadByAttributes(NodeConversion& node) {
  const std::vector<int64_t> pads = node.IntsAttribute(node.opset() < 2 ? "paddings" : "pads");
  EmitPad(node, pads, node.FloatAttribute("value", 0));
}

void ConvertPad(NodeConversion& node) {
  const std::vector<int64_t> pads = node.KnownIntegers(1, "pads");
  std::vector<double> value = {0};
  if (node.HasInput(2) && node.ok()) {
    if (IsInteger(node.Input(2).type)) {
      const std::vector<int64_t> whole = node.KnownIntegers(2, "value");
      value.assign(whole.begin(), whole.end());
    } else {
      value = node.KnownFloats(2, "value");
    }
  }
  if (!node.ok()) return;
  if (value.size() != 1) return node.Reject("a value that is not one number");
  EmitPad(node, pads, value[0]);
}

}  // namespace synergy
