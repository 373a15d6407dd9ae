// Arithmetic, element by element: of one value, of two, of any number.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/shape_pieces.h"

namespace synergy {
namespace {

// Caffe2's "numeric types", of arithmetic.
const std::vector<v1::DataType> kNumeric = {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64,
                                            v1::DATA_TYPE_INT32, v1::DATA_TYPE_INT64};

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

void ConvertUnary(NodeConversion& node) {
  const std::map<std::string, std::string> renamed = {{"Neg", "Negative"}};
  const auto found = renamed.find(node.op_type());
  const NetValue x = node.Input(0);
  if (!node.ok() || FoldUnary(node, x)) return;
  node.FloatInput(0);
  node.EmitResult(Caffe2Operator(found == renamed.end() ? node.op_type() : found->second), {x});
}

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

}  // namespace synergy
