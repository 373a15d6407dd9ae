// Operators that choose elements: slices, gathers, padding, nearest-neighbour resizing.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// One step of a chain of operators on one value; the last of them makes the node's output.
struct Step {
  Caffe2Operator op;
  std::vector<NetValue> more;  // inputs after the value itself
  bool extra = false;          // has one more output, of Caffe2's own
};

void RunSteps(NodeConversion& node, NetValue x, const std::vector<Step>& steps) {
  if (!node.ok()) return;
  if (steps.empty()) return node.Bind(0, x);
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<NetValue> inputs = {x};
    inputs.insert(inputs.end(), steps[i].more.begin(), steps[i].more.end());
    if (i + 1 == steps.size()) {
      return node.EmitResult(steps[i].op, inputs, 1, steps[i].extra ? 1 : 0);
    }
    x = steps[i].extra ? node.EmitWithExtra(steps[i].op, inputs) : node.Emit(steps[i].op, inputs);
  }
}

// Elements of an axis that are taken one by one are listed in a weight.
constexpr int64_t kMostIndices = 1 << 20;

void RefuseIndices(NodeConversion& node, size_t axis) {
  node.Refuse(fmt::format("axis {}: more than {} elements taken one by one", axis, kMostIndices));
}

// Takes these elements of an axis, in this order.
Step TakeStep(NodeConversion& node, size_t axis, const std::vector<int64_t>& indices) {
  Caffe2Operator op("Gather");
  op.Int("axis", static_cast<int64_t>(axis));
  return {op, {node.Constant(Int64Constant({static_cast<int64_t>(indices.size())}, indices))}};
}

// Takes the elements [begin, end) of an axis; Caffe2's Slice cuts one axis at a time.
Step CutStep(const std::vector<int64_t>& dims, size_t axis, int64_t begin, int64_t end) {
  std::vector<int64_t> starts(dims.size(), 0);
  std::vector<int64_t> ends = dims;
  starts[axis] = begin;
  ends[axis] = end;
  return {Caffe2Operator("Slice").Ints("starts", starts).Ints("ends", ends), {}};
}

struct Cut {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;
};

// numpy's rule for begin and end that count from the back or lie outside.
Cut Clamp(Cut cut, int64_t length) {
  const int64_t lowest = cut.step > 0 ? 0 : -1;
  const int64_t highest = cut.step > 0 ? length : length - 1;
  const auto clamp = [&](int64_t value) {
    if (value < 0) value = value < -length ? lowest : value + length;
    return std::clamp(value, lowest, std::max(lowest, highest));
  };
  return {clamp(cut.begin), clamp(cut.end), cut.step};
}

std::vector<int64_t> IndicesOf(const Cut& cut) {
  std::vector<int64_t> indices;
  for (int64_t at = cut.begin; cut.step > 0 ? at < cut.end : at > cut.end;) {
    indices.push_back(at);
    if (__builtin_add_overflow(at, cut.step, &at)) break;
  }
  return indices;
}

void EmitSlice(NodeConversion& node, const std::vector<int64_t>& starts,
               const std::vector<int64_t>& ends, std::vector<int64_t> axes,
               std::vector<int64_t> strides) {
  const NetValue x = node.Input(0);
  if (!node.ok()) return;
  if (axes.empty()) {
    axes.resize(starts.size());
    for (size_t j = 0; j < axes.size(); ++j) axes[j] = static_cast<int64_t>(j);
  }
  if (strides.empty()) strides.assign(starts.size(), 1);
  if (starts.size() != ends.size() || starts.size() != axes.size() ||
      starts.size() != strides.size()) {
    return node.Reject("starts, ends, axes and steps of different lengths");
  }
  node.Axes(axes, x.rank());  // none twice
  std::vector<int64_t> dims = x.dims;
  std::vector<Step> chain;
  NetValue known = x;  // so far, where x is a constant
  for (size_t i = 0; node.ok() && i < axes.size(); ++i) {
    const size_t axis = node.Axis(axes[i], x.rank());
    if (!node.ok()) return;
    if (strides[i] == 0) return node.Reject("a step of 0");
    const Cut cut = Clamp({starts[i], ends[i], strides[i]}, dims[axis]);
    const int64_t end = std::max(cut.begin, cut.end);
    if (cut.step == 1 && cut.begin == 0 && end == dims[axis]) continue;
    if (cut.step == 1 && !IsFoldable(x)) {
      chain.push_back(CutStep(dims, axis, cut.begin, end));
      dims[axis] = end - cut.begin;
      continue;
    }
    if (dims[axis] > kMostIndices) return RefuseIndices(node, axis);
    const std::vector<int64_t> indices = IndicesOf(cut);
    if (IsFoldable(x)) {
      known = node.Constant(Take(*known.constant, axis, indices));
    } else {
      chain.push_back(TakeStep(node, axis, indices));
    }
    dims[axis] = static_cast<int64_t>(indices.size());
  }
  RunSteps(node, known, chain);
}

}  // namespace

void ConvertSliceByAttributes(NodeConversion& node) {
  EmitSlice(node, node.IntsAttribute("starts"), node.IntsAttribute("ends"),
            node.IntsAttribute("axes"), {});
}

void ConvertSlice(NodeConversion& node) {
  const std::vector<int64_t> starts = node.KnownIntegers(1, "starts");
  const std::vector<int64_t> ends = node.KnownIntegers(2, "ends");
  std::vector<int64_t> axes;
  std::vector<int64_t> steps;
  if (node.HasInput(3)) axes = node.KnownIntegers(3, "axes");
  if (node.HasInput(4)) steps = node.KnownIntegers(4, "steps");
  EmitSlice(node, starts, ends, std::move(axes), std::move(steps));
}

namespace {

void FoldGather(NodeConversion& node, const NetValue& x, size_t axis, const NetValue& indices) {
  std::vector<int64_t> chosen = IntegersOf(*indices.constant);
  for (int64_t& index : chosen) {
    if (index < -x.dims[axis] || index >= x.dims[axis]) {
      return node.Reject(fmt::format("index {} of {} elements", index, x.dims[axis]));
    }
    if (index < 0) index += x.dims[axis];
  }
  auto count = ElementCount(x.dims);
  const int64_t others = *count / std::max<int64_t>(1, x.dims[axis]);
  if (others * static_cast<int64_t>(chosen.size()) > (1 << 20)) {
    return node.Refuse("a constant of too many elements");
  }
  OnnxConstant taken = Take(*x.constant, axis, chosen);
  const auto at = taken.dims.begin() + static_cast<std::ptrdiff_t>(axis);
  taken.dims.insert(taken.dims.erase(at), indices.dims.begin(), indices.dims.end());
  node.BindConstant(0, std::move(taken));
}

}  // namespace

void ConvertGather(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const NetValue indices = node.Input(1, {v1::DATA_TYPE_INT32, v1::DATA_TYPE_INT64});
  const size_t axis = node.Axis(node.IntAttribute("axis", 0), x.rank());
  if (!node.ok()) return;
  if (IsFoldable(x) && IsFoldable(indices)) return FoldGather(node, x, axis, indices);
  Caffe2Operator op("Gather");
  op.Int("axis", static_cast<int64_t>(axis)).Int("wrap_indices", 1);
  node.EmitResult(op, {x, indices});
}

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

namespace {

// How a coordinate of the output finds the input's nearest one; ONNX's names.
struct ResizeRule {
  std::string transformation = "asymmetric";
  std::string rounding = "floor";
  std::string mode = "nearest";
};

double SourceCoordinate(const std::string& transformation, double at, double scale, int64_t in,
                        int64_t out) {
  if (transformation == "asymmetric") return at / scale;
  if (transformation == "tf_half_pixel_for_nn") return (at + 0.5) / scale;
  if (transformation == "align_corners") {
    return out == 1 ? 0 : at * static_cast<double>(in - 1) / static_cast<double>(out - 1);
  }
  if (transformation == "pytorch_half_pixel" && out == 1) return 0;
  return (at + 0.5) / scale - 0.5;
}

int64_t Nearest(const ResizeRule& rule, double x, int64_t in) {
  double nearest = 0;
  if (rule.rounding == "floor") {
    nearest = std::floor(x);
  } else if (rule.rounding == "ceil") {
    nearest = std::ceil(x);
  } else if (rule.rounding == "round_prefer_ceil") {
    nearest = std::floor(x + 0.5);
  } else {
    nearest = std::ceil(x - 0.5);  // round_prefer_floor
  }
  return static_cast<int64_t>(std::clamp(nearest, 0.0, static_cast<double>(in - 1)));
}

struct ResizedAxis {
  int64_t in = 0;
  int64_t out = 0;
  float scale = 1;
  std::vector<int64_t> sources;  // of every element of the output
};

// Where Caffe2's ResizeNearest would take every element from, computed as it computes.
bool IsResizeNearest(const ResizedAxis& axis) {
  if (static_cast<int64_t>(static_cast<float>(axis.in) * axis.scale) != axis.out) return false;
  for (int64_t i = 0; i < axis.out; ++i) {
    const auto source = static_cast<int64_t>(static_cast<float>(i) / axis.scale);
    if (std::min(source, axis.in - 1) != axis.sources[static_cast<size_t>(i)]) return false;
  }
  return true;
}

bool KnowsRule(NodeConversion& node, const ResizeRule& rule) {
  for (const char* known : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                            "tf_half_pixel_for_nn"}) {
    if (rule.transformation != known) continue;
    for (const char* rounding : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
      if (rule.rounding == rounding) return true;
    }
  }
  node.Refuse(fmt::format("coordinate_transformation_mode '{}' with nearest_mode '{}'",
                          rule.transformation.substr(0, 40), rule.rounding.substr(0, 40)));
  return false;
}

// Where Caffe2's UpsampleBilinear gives as many elements; its corners are aligned.
bool IsBilinear(const std::vector<ResizedAxis>& axes) {
  if (axes.size() != 4 || axes[0].in != axes[0].out || axes[1].in != axes[1].out) return false;
  for (size_t i = 2; i < 4; ++i) {
    const float out = static_cast<float>(axes[i].in) * axes[i].scale;
    if (static_cast<int64_t>(out) != axes[i].out) return false;
  }
  return true;
}

Caffe2Operator ImageResize(const char* type, const std::vector<ResizedAxis>& axes) {
  Caffe2Operator op(type);
  op.Float("height_scale", axes[2].scale).Float("width_scale", axes[3].scale);
  op.String("order", "NCHW");
  return op;
}

// Resizes every axis by taking elements; images by Caffe2's ResizeNearest where it takes the same.
void EmitResize(NodeConversion& node, const NetValue& x, const std::vector<ResizedAxis>& axes) {
  if (x.rank() == 4 && axes[0].out == axes[0].in && axes[1].out == axes[1].in &&
      IsResizeNearest(axes[2]) && IsResizeNearest(axes[3])) {
    return node.EmitResult(ImageResize("ResizeNearest", axes), {x});
  }
  std::vector<Step> chain;
  for (size_t i = 0; i < axes.size(); ++i) {
    bool same = axes[i].in == axes[i].out;
    for (size_t j = 0; same && j < axes[i].sources.size(); ++j) {
      same = axes[i].sources[j] == static_cast<int64_t>(j);
    }
    if (!same) chain.push_back(TakeStep(node, i, axes[i].sources));
  }
  RunSteps(node, x, chain);
}

// `scales` or `sizes` has a number per axis, the other is empty.
void ResizeBy(NodeConversion& node, const std::vector<double>& scales,
              const std::vector<int64_t>& sizes, const ResizeRule& rule) {
  const NetValue x = node.FloatInput(0);
  if (!node.ok() || !KnowsRule(node, rule)) return;
  if (std::max(scales.size(), sizes.size()) != x.rank() || (!scales.empty() && !sizes.empty())) {
    return node.Reject(
        fmt::format("{} scales and {} sizes for {} axes", scales.size(), sizes.size(), x.rank()));
  }
  std::vector<ResizedAxis> axes;
  for (size_t i = 0; i < x.rank(); ++i) {
    ResizedAxis axis;
    axis.in = x.dims[i];
    const double scale =
        sizes.empty() ? scales[i] : static_cast<double>(sizes[i]) / static_cast<double>(axis.in);
    const double out = sizes.empty() ? std::floor(static_cast<double>(axis.in) * scale)
                                     : static_cast<double>(sizes[i]);
    if (axis.in < 1 || !(out >= 1) || out > kMostIndices) {
      return node.Refuse(fmt::format("axis {} of length {} resized by {}", i, axis.in, scale));
    }
    axis.out = static_cast<int64_t>(out);
    if (rule.transformation == "align_corners" &&
        std::abs(scale * static_cast<double>(axis.in) - out) > 1e-3) {
      return node.Refuse(
          fmt::format("coordinate_transformation_mode 'align_corners' with a scale "
                      "of {} that gives no whole number of elements: implementations "
                      "differ there, and Caffe2 aligns whole ones",
                      scale));
    }
    axis.scale = static_cast<float>(scale);
    // Caffe2 multiplies and rounds down: a scale that was rounded down itself is one step short.
    if (static_cast<int64_t>(static_cast<float>(axis.in) * axis.scale) < axis.out) {
      axis.scale = std::nextafter(axis.scale, 2 * axis.scale);
    }
    for (int64_t at = 0; at < axis.out; ++at) {
      const double source =
          SourceCoordinate(rule.transformation, static_cast<double>(at), scale, axis.in, axis.out);
      axis.sources.push_back(Nearest(rule, source, axis.in));
    }
    axes.push_back(std::move(axis));
  }
  if (rule.mode == "nearest") return EmitResize(node, x, axes);
  if (!IsBilinear(axes)) return node.Refuse("mode 'linear' of anything but images");
  node.EmitResult(ImageResize("UpsampleBilinear", axes), {x});
}

// Reads the mode. Caffe2's UpsampleBilinear keeps the corners where they are.
ResizeRule ReadRule(NodeConversion& node, const ResizeRule& otherwise) {
  ResizeRule rule = otherwise;
  rule.mode = node.StringAttribute("mode", "nearest");
  const bool aligned = rule.transformation == "align_corners";
  if (node.ok() && rule.mode != "nearest" && !(rule.mode == "linear" && aligned)) {
    node.Refuse(
        fmt::format("mode '{}' with coordinate_transformation_mode '{}': Caffe2 resizes by "
                    "the nearest element, or linearly with align_corners",
                    rule.mode.substr(0, 40), rule.transformation.substr(0, 40)));
  }
  return rule;
}

}  // namespace

void ConvertUpsample(NodeConversion& node) {
  const ResizeRule rule = ReadRule(node, {});
  if (node.opset() >= 9) return ResizeBy(node, node.KnownFloats(1, "scales"), {}, rule);
  if (node.opset() >= 7) return ResizeBy(node, node.FloatsAttribute("scales"), {}, rule);
  const double height = node.FloatAttribute("height_scale", 1);
  ResizeBy(node, {1, 1, height, node.FloatAttribute("width_scale", 1)}, {}, rule);
}

void ConvertResizeByScales(NodeConversion& node) {
  const ResizeRule rule = ReadRule(node, {});
  ResizeBy(node, node.KnownFloats(1, "scales"), {}, rule);
}

void ConvertResize(NodeConversion& node) {
  const ResizeRule rule =
      ReadRule(node, {node.StringAttribute("coordinate_transformation_mode", "half_pixel"),
                      node.StringAttribute("nearest_mode", "round_prefer_floor"), ""});
  for (const char* unused : {"cubic_coeff_a", "exclude_outside", "extrapolation_value"}) {
    node.IgnoreAttribute(unused);  // of other modes
  }
  std::vector<double> scales;
  std::vector<int64_t> sizes;
  if (node.HasInput(2)) scales = node.KnownFloats(2, "scales");
  if (node.HasInput(3)) sizes = node.KnownIntegers(3, "sizes");
  ResizeBy(node, scales, sizes, rule);
}

}  // namespace synergy
