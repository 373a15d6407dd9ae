// Activation functions.
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/shape_pieces.h"

namespace synergy {

void ConvertLeakyRelu(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  node.EmitResult(Caffe2Operator("LeakyRelu").Float("alpha", node.FloatAttribute("alpha", 0.01)),
                  {x});
}

void ConvertElu(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  node.EmitResult(Caffe2Operator("Elu").Float("alpha", node.FloatAttribute("alpha", 1)), {x});
}

void ConvertHardSigmoid(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  Caffe2Operator op("HardSigmoid");
  op.Float("alpha", node.FloatAttribute("alpha", 0.2))
      .Float("beta", node.FloatAttribute("beta", 0.5));
  node.EmitResult(op, {x});
}

void ConvertHardSwish(NodeConversion& node) {  // x times its hard sigmoid, by definition
  const NetValue x = node.FloatInput(0);
  const NetValue gate =
      node.Emit(Caffe2Operator("HardSigmoid").Float("alpha", 1.0 / 6).Float("beta", 0.5), {x});
  node.EmitResult(Caffe2Operator("Mul"), {x, gate});
}

// Caffe2's Softplus is log(exp(x) + 1) as it stands, which is infinite from 89 on. In float32 it is
// x itself from 17 on, and never less than x.
void ConvertSoftplus(NodeConversion& node) {
  constexpr double kLargestExponent = 80;
  const NetValue x = node.FloatInput(0);
  Caffe2Operator clip("Clip");
  clip.Float("min", std::numeric_limits<float>::lowest()).Float("max", kLargestExponent);
  const NetValue soft = node.Emit(Caffe2Operator("Softplus"), {node.Emit(clip, {x})});
  node.EmitResult(Caffe2Operator("Max"), {soft, x});
}

void ConvertPReluPerChannel(NodeConversion& node) {
  node.EmitResult(Caffe2Operator("PRelu"), {node.FloatInput(0), node.FloatInput(1)});
}

// Caffe2's slope is one number or one per channel. Others: relu(x) - slope relu(-x).
void ConvertPRelu(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  NetValue slope = node.FloatInput(1);
  if (!node.ok()) return;
  if (BroadcastDims(node, x.dims, slope.dims) != x.dims && node.ok()) {
    return node.Reject("its slope does not fit its input");
  }
  const auto count = ElementCount(slope.dims);
  if (!node.ok() || !count.ok()) return;
  // A slope [C, 1, 1] lies on the channels.
  const bool channels = x.rank() >= 2 && slope.rank() == x.rank() - 1 && *count == slope.dims[0] &&
                        slope.dims[0] == x.dims[1];
  if (*count == 1 || channels) {
    if (slope.rank() != 1) slope = Reshaped(node, slope, {*count});
    return node.EmitResult(Caffe2Operator("PRelu"), {x, slope});
  }
  const NetValue above = node.Emit(Caffe2Operator("Relu"), {x});
  const NetValue below =
      node.Emit(Caffe2Operator("Relu"), {node.Emit(Caffe2Operator("Negative"), {x})});
  node.EmitResult(Caffe2Operator("Sub"), {above, node.Emit(Caffe2Operator("Mul"), {below, slope})});
}

namespace {

constexpr double kLargest = std::numeric_limits<float>::max();

// A bound of Clip that is known; `otherwise` where there is none.
double KnownBound(NodeConversion& node, size_t i, double otherwise) {
  if (!node.HasInput(i)) return otherwise;
  const std::vector<double> values = node.KnownFloats(i, i == 1 ? "minimum" : "maximum");
  if (node.ok() && values.size() != 1) node.Reject("a bound that is not one number");
  return values.size() == 1 ? values[0] : otherwise;
}

}  // namespace

void ConvertClipByAttributes(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  Caffe2Operator op("Clip");
  op.Float("min", node.FloatAttribute("min", -kLargest))
      .Float("max", node.FloatAttribute("max", kLargest));
  node.EmitResult(op, {x});
}

// Bounds that are computed while the net runs are compared element by element.
void ConvertClipByInputs(NodeConversion& node) {
  NetValue x = node.FloatInput(0);
  if (!node.ok()) return;
  bool known = true;
  for (size_t i = 1; i <= 2; ++i) {
    if (node.HasInput(i)) known = known && node.FloatInput(i).constant != nullptr;
  }
  if (!node.ok()) return;
  if (known) {
    Caffe2Operator op("Clip");
    op.Float("min", KnownBound(node, 1, -kLargest)).Float("max", KnownBound(node, 2, kLargest));
    return node.EmitResult(op, {x});
  }
  std::vector<std::pair<const char*, NetValue>> steps;
  if (node.HasInput(1)) steps.emplace_back("Max", Expanded(node, node.FloatInput(1), x.dims));
  if (node.HasInput(2)) steps.emplace_back("Min", Expanded(node, node.FloatInput(2), x.dims));
  for (size_t i = 0; i < steps.size(); ++i) {
    const Caffe2Operator op(steps[i].first);
    if (i + 1 == steps.size()) return node.EmitResult(op, {x, steps[i].second});
    x = node.Emit(op, {x, steps[i].second});
  }
}

}  // namespace synergy
