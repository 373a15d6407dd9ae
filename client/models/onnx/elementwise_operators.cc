#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/onnx_tensor.h"
#include "client/models/onnx/operator_rows.h"
#include "fmt/format.h"

namespace synergy {
namespace {

using Types = std::vector<v1::DataType>;

// Caffe2's "numeric types", of arithmetic.
const Types kNumeric = {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64, v1::DATA_TYPE_INT32,
                        v1::DATA_TYPE_INT64};

// What exporters do to scales and shapes. False: `x` is not known, or the operator is another one.
bool FoldUnary(NodeConversion& node, const NetValue& x) {
  if (!IsFoldable(x)) return false;
  const std::string& type = node.op_type();
  if (IsInteger(x.type) && type == "Neg") {
    const OnnxConstant zero = Spread(CastTo(Int64Constant({}, {0}), x.type), x.dims);
    auto result = Combine("Sub", zero, *x.constant);
    if (!result.ok()) return node.Reject(std::string(result.status().message())), true;
    node.BindConstant(0, *std::move(result));
    return true;
  }
  if (IsInteger(x.type)) return false;
  const std::map<std::string, double (*)(double)> functions = {
      {"Neg", [](double value) { return -value; }},
      {"Floor", [](double value) { return std::floor(value); }},
      {"Ceil", [](double value) { return std::ceil(value); }},
      {"Sqrt", [](double value) { return std::sqrt(value); }},
  };
  const auto found = functions.find(type);
  if (found == functions.end()) return false;
  node.BindConstant(0, MapFloats(*x.constant, found->second));
  return true;
}

}  // namespace

void ConvertUnary(NodeConversion& node) {
  const std::map<std::string, std::string> renamed = {{"Neg", "Negative"}};
  const auto found = renamed.find(node.op_type());
  const NetValue x = node.Input(0);
  if (!node.ok() || FoldUnary(node, x)) return;
  node.FloatInput(0);
  node.EmitResult(Caffe2Operator(found == renamed.end() ? node.op_type() : found->second), {x});
}

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

void ConvertClipByAttributes(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  constexpr double kLargest = std::numeric_limits<float>::max();
  Caffe2Operator op("Clip");
  op.Float("min", node.FloatAttribute("min", -kLargest))
      .Float("max", node.FloatAttribute("max", kLargest));
  node.EmitResult(op, {x});
}

namespace {

// A bound of Clip that is known; `otherwise` where there is none.
double KnownBound(NodeConversion& node, size_t i, double otherwise) {
  if (!node.HasInput(i)) return otherwise;
  const std::vector<double> values = node.KnownFloats(i, i == 1 ? "minimum" : "maximum");
  if (node.ok() && values.size() != 1) node.Reject("a bound that is not one number");
  return values.size() == 1 ? values[0] : otherwise;
}

}  // namespace

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
    constexpr double kLargest = std::numeric_limits<float>::max();
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

namespace {

// Binds what two constants make. False: they are none, or too large.
bool FoldTwo(NodeConversion& node, const NetValue& a, const NetValue& b,
             const std::vector<int64_t>& dims) {
  if (!IsFoldable(a) || !IsFoldable(b)) return false;
  if (!IsFoldable({"", a.type, dims, a.constant})) return false;
  auto result = Combine(node.op_type(), Spread(*a.constant, dims), Spread(*b.constant, dims));
  if (!result.ok()) return node.Reject(std::string(result.status().message())), true;
  node.BindConstant(0, *std::move(result));
  return true;
}

}  // namespace

void ConvertArithmeticByAxis(NodeConversion& node) {
  const NetValue a = node.Input(0, kNumeric);
  NetValue b = node.Input(1, kNumeric);
  const int64_t axis = node.IntAttribute("axis", -1);
  if (node.IntAttribute("broadcast", 0) != 0 && node.HasAttribute("axis") && node.ok()) {
    // b lies on the axes of a from `axis` on: axes of length 1 behind it make that numpy's rule.
    const size_t first = node.Axis(axis, a.rank());
    if (!node.ok()) return;
    if (first + b.rank() > a.rank()) return node.Reject("its second input does not fit the first");
    std::vector<size_t> behind;
    for (size_t i = b.rank(); i < a.rank() - first; ++i) behind.push_back(i);
    if (!behind.empty()) b = WithAxes(node, b, behind);
  }
  if (!node.ok()) return;
  if (BroadcastDims(node, a.dims, b.dims) != a.dims && node.ok()) {
    return node.Reject("its second input does not fit the first");
  }
  if (node.op_type() == "Pow") {
    return node.EmitResult(Caffe2Operator("Pow"), {a, Expanded(node, b, a.dims)});
  }
  if (FoldTwo(node, a, b, a.dims)) return;
  node.EmitResult(Caffe2Operator(node.op_type()), {a, b});
}

void ConvertArithmetic(NodeConversion& node) {
  const NetValue a = node.Input(0, kNumeric);
  const NetValue b = node.Input(1, kNumeric);
  const std::vector<int64_t> dims = BroadcastDims(node, a.dims, b.dims);
  if (!node.ok()) return;
  if (a.type != b.type) return node.Reject("inputs of different element types");
  if (FoldTwo(node, a, b, dims)) return;
  node.EmitResult(Caffe2Operator(node.op_type()), {a, b});
}

// Caffe2's Pow is of float32, with one exponent or as many as there are bases.
void ConvertPow(NodeConversion& node) {
  NetValue base = node.FloatInput(0);
  NetValue exponent = node.Input(1, kNumeric);
  if (!node.ok()) return;
  if (exponent.constant != nullptr && ElementCount(exponent.dims).value_or(0) == 1) {
    const double value = IsInteger(exponent.type)
                             ? static_cast<double>(IntegersOf(*exponent.constant)[0])
                             : FloatsOf(*exponent.constant)[0];
    const std::vector<int64_t> dims = BroadcastDims(node, base.dims, exponent.dims);
    if (dims == base.dims) {
      return node.EmitResult(Caffe2Operator("Pow").Float("exponent", value), {base});
    }
  }
  if (exponent.type != v1::DATA_TYPE_FLOAT32) {
    exponent = node.Emit(Caffe2Operator("Cast").Int("to", caffe2::TensorProto::FLOAT), {exponent});
  }
  const std::vector<int64_t> dims = BroadcastDims(node, base.dims, exponent.dims);
  base = Expanded(node, base, dims);
  exponent = Expanded(node, exponent, dims);
  node.EmitResult(Caffe2Operator("Pow"), {base, exponent});
}

// Caffe2 takes any number of inputs, all of one shape; ONNX broadcasts them.
void ConvertVariadic(NodeConversion& node) {
  if (node.input_count() == 0) return node.Reject("has no inputs");
  std::vector<NetValue> inputs;
  const bool sum = node.op_type() == "Sum";
  for (size_t i = 0; i < node.input_count(); ++i) {
    inputs.push_back(node.Input(i, kNumeric));
  }
  if (!node.ok()) return;
  if (inputs.size() == 1) return node.Bind(0, inputs[0]);
  std::vector<int64_t> dims = inputs[0].dims;
  bool equal = true;
  for (const NetValue& input : inputs) {
    equal = equal && input.dims == dims;
    dims = BroadcastDims(node, dims, input.dims);
    if (input.type != inputs[0].type) node.Reject("inputs of different element types");
  }
  if (!node.ok()) return;
  const bool extreme = node.op_type() == "Max" || node.op_type() == "Min";
  if (extreme && inputs.size() == 2 && FoldTwo(node, inputs[0], inputs[1], dims)) return;
  for (size_t i = 0; i < inputs.size() && !sum; ++i) node.FloatInput(i);
  if (sum && !equal) {  // Add broadcasts on the way
    NetValue total = inputs[0];
    for (size_t i = 1; i + 1 < inputs.size(); ++i) {
      total = node.Emit(Caffe2Operator("Add"), {total, inputs[i]});
    }
    return node.EmitResult(Caffe2Operator("Add"), {total, inputs.back()});
  }
  for (NetValue& input : inputs) input = Expanded(node, input, dims);
  node.EmitResult(Caffe2Operator(node.op_type()), inputs);
}

void ConvertCast(NodeConversion& node) {
  using ::onnx::TensorProto;
  const NetValue x = node.Input(0);
  const auto wanted = static_cast<int32_t>(node.IntAttribute("to", 0));
  if (!node.ok()) return;
  const std::map<int32_t, int64_t> types = {
      {TensorProto::FLOAT, caffe2::TensorProto::FLOAT},
      {TensorProto::DOUBLE, caffe2::TensorProto::DOUBLE},
      {TensorProto::INT32, caffe2::TensorProto::INT32},
      {TensorProto::INT64, caffe2::TensorProto::INT64},
      {TensorProto::UINT8, caffe2::TensorProto::UINT8},
      {TensorProto::BOOL, caffe2::TensorProto::BOOL},
  };
  const auto found = types.find(wanted);
  if (found == types.end()) {
    return node.Refuse(
        fmt::format("to element type {}, which Caffe2's operators lack", OnnxTypeName(wanted)));
  }
  if (FromOnnxType(wanted).value_or(v1::DATA_TYPE_UNSPECIFIED) == x.type) return node.Bind(0, x);
  if (IsFoldable(x)) return node.BindConstant(0, CastTo(*x.constant, *FromOnnxType(wanted)));
  node.EmitResult(Caffe2Operator("Cast").Int("to", found->second), {x});
}

void ConvertIdentity(NodeConversion& node) { node.Bind(0, node.Input(0)); }

namespace {

bool DropsNothing(NodeConversion& node) {
  if (!node.HasInput(1) || node.Input(1).constant == nullptr) return false;
  const std::vector<double> ratio = node.KnownFloats(1, "ratio");
  return ratio.size() == 1 && ratio[0] == 0;
}

}  // namespace

// Nothing is dropped in inference, so no operator is left.
void ConvertDropout(NodeConversion& node) {
  const NetValue x = node.Input(0);
  node.IgnoreAttribute("ratio");
  node.IgnoreAttribute("seed");
  if (node.opset() < 7 && node.IntAttribute("is_test", 0) == 0) {
    return node.Refuse("is_test is 0: this is a model for training; export it for inference");
  }
  if (node.opset() >= 12 && node.HasInput(2)) {
    const std::vector<int64_t> training = node.KnownIntegers(2, "training_mode");
    if (!node.ok()) return;
    if ((training.size() != 1 || training[0] != 0) && !DropsNothing(node)) {
      const char* const reason =
          "training_mode is true: this is a model for training; export it for inference";
      return node.HasInput(1) ? node.RefuseUnknown(1, reason) : node.Refuse(reason);
    }
  }
  node.Bind(0, x);
  if (!node.ok() || !node.WantsOutput(1)) return;
  if (node.opset() < 10) return node.Refuse("the output mask: nothing is dropped in inference");
  const auto count = ElementCount(x.dims);
  if (!count.ok()) return node.Reject(std::string(count.status().message()));
  auto kept = std::make_shared<const std::string>(static_cast<size_t>(*count), '\1');
  node.BindConstant(1, {v1::DATA_TYPE_BOOL, x.dims, *kept, kept});
}

}  // namespace synergy
