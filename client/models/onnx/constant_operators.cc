// Operators whose results are known while the net is built, or whose results must be.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/shape_pieces.h"
#include "fmt/format.h"

namespace synergy {

void ConvertConstant(NodeConversion& node) {
  if (node.HasAttribute("sparse_value")) {
    return node.Refuse("sparse_value: Caffe2's tensors are dense");
  }
  for (const char* text : {"value_string", "value_strings"}) {
    if (node.HasAttribute(text)) {
      return node.Refuse(
          fmt::format("{}: element type string, which Caffe2's operators lack", text));
    }
  }
  const auto count = [](const auto& values) { return static_cast<int64_t>(values.size()); };
  if (node.HasAttribute("value_int")) {
    return node.BindConstant(0, Int64Constant({}, {node.IntAttribute("value_int", 0)}));
  }
  if (node.HasAttribute("value_float")) {
    return node.BindConstant(
        0, FloatConstant({}, {static_cast<float>(node.FloatAttribute("value_float", 0))}));
  }
  if (node.HasAttribute("value_ints")) {
    const std::vector<int64_t> values = node.IntsAttribute("value_ints");
    return node.BindConstant(0, Int64Constant({count(values)}, values));
  }
  if (node.HasAttribute("value_floats")) {
    std::vector<float> values;
    for (const double value : node.FloatsAttribute("value_floats")) {
      values.push_back(static_cast<float>(value));
    }
    return node.BindConstant(0, FloatConstant({count(values)}, values));
  }
  auto value = node.TensorAttribute("value");
  if (!node.ok()) return;
  if (!value.has_value()) return node.Reject("lacks its value");
  node.Bind(0, node.SharedConstant(*std::move(value)));
}

void ConvertShape(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const auto rank = static_cast<int64_t>(x.rank());
  int64_t start = node.opset() >= 15 ? node.IntAttribute("start", 0) : 0;
  int64_t end = node.opset() >= 15 ? node.IntAttribute("end", rank) : rank;
  if (!node.ok()) return;
  start = std::clamp<int64_t>(start < -rank ? 0 : start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < -rank ? 0 : end < 0 ? end + rank : end, start, rank);
  const std::vector<int64_t> dims(x.dims.begin() + start, x.dims.begin() + end);
  node.BindConstant(0, Int64Constant({static_cast<int64_t>(dims.size())}, dims));
}

void ConvertSize(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const auto count = ElementCount(x.dims);
  if (!count.ok()) return node.Reject(std::string(count.status().message()));
  node.BindConstant(0, Int64Constant({}, {*count}));
}

void ConvertConstantOfShape(NodeConversion& node) {
  const std::vector<int64_t> dims = node.KnownIntegers(0, "shape");
  OnnxConstant value = FloatConstant({1}, {0});
  if (node.HasAttribute("value")) {
    auto given = node.TensorAttribute("value");
    if (given.has_value()) value = *std::move(given);
  }
  const auto count = ElementCount(dims);
  if (!node.ok()) return;
  if (!count.ok() || *count > (1 << 20)) return node.Refuse("a constant of too many elements");
  if (ElementCount(value.dims).value_or(0) != 1)
    return node.Reject("a value that is not one number");
  value.dims.assign(dims.size(), 1);
  node.BindConstant(0, Spread(value, dims));
}

void ConvertRange(NodeConversion& node) {
  std::vector<double> ends;
  bool integers = true;
  for (size_t i = 0; i < 3; ++i) {
    const NetValue value = node.Input(i);
    if (!node.ok()) return;
    integers = IsInteger(value.type);
    const auto numbers = integers ? node.KnownIntegers(i, "bound") : std::vector<int64_t>{};
    const auto reals = integers ? std::vector<double>{} : node.KnownFloats(i, "bound");
    if (!node.ok()) return;
    if (numbers.size() + reals.size() != 1) return node.Reject("a bound that is not one number");
    ends.push_back(integers ? static_cast<double>(numbers[0]) : reals[0]);
  }
  const double length = std::ceil((ends[1] - ends[0]) / ends[2]);
  if (!(std::abs(length) <= (1 << 20))) return node.Refuse("a range of too many elements");
  const auto count = static_cast<int64_t>(std::max(0.0, length));
  std::vector<int64_t> numbers;
  std::vector<float> reals;
  for (int64_t i = 0; i < count; ++i) {
    const double value = ends[0] + static_cast<double>(i) * ends[2];
    numbers.push_back(integers ? static_cast<int64_t>(value) : 0);
    reals.push_back(static_cast<float>(value));
  }
  if (!integers) return node.BindConstant(0, FloatConstant({count}, reals));
  node.BindConstant(0, CastTo(Int64Constant({count}, numbers), node.Input(0).type));
}

namespace {

constexpr std::string_view kOnlyOfShapes =
    "its inputs are computed while the net runs: this operator is taken only in computations of "
    "shapes";

}  // namespace

// Equal and Where, which exporters write to make shapes; Caffe2 gets to see none.
void ConvertEqual(NodeConversion& node) {
  const NetValue a = node.Input(0);
  const NetValue b = node.Input(1);
  if (!node.ok()) return;
  if (!IsFoldable(a) || !IsFoldable(b)) {
    return node.RefuseUnknown(IsFoldable(a) ? 1 : 0, kOnlyOfShapes);
  }
  const std::vector<int64_t> dims = BroadcastDims(node, a.dims, b.dims);
  if (!node.ok()) return;
  if (a.type != b.type) return node.Reject("inputs of different element types");
  auto equal = Combine("Equal", Spread(*a.constant, dims), Spread(*b.constant, dims));
  if (equal.ok()) node.BindConstant(0, *std::move(equal));
}

void ConvertWhere(NodeConversion& node) {
  const NetValue choice = node.Input(0);
  const NetValue a = node.Input(1);
  const NetValue b = node.Input(2);
  if (!node.ok()) return;
  if (!IsInteger(a.type)) return node.Refuse(kOnlyOfShapes);
  if (!IsFoldable(choice) || !IsFoldable(a) || !IsFoldable(b)) {
    return node.RefuseUnknown(!IsFoldable(choice) ? 0 : !IsFoldable(a) ? 1 : 2, kOnlyOfShapes);
  }
  if (a.type != b.type) return node.Reject("inputs of different element types");
  const std::vector<int64_t> dims =
      BroadcastDims(node, choice.dims, BroadcastDims(node, a.dims, b.dims));
  if (!node.ok()) return;
  const std::vector<int64_t> chosen = IntegersOf(Spread(*choice.constant, dims));
  std::vector<int64_t> values = IntegersOf(Spread(*a.constant, dims));
  const std::vector<int64_t> others = IntegersOf(Spread(*b.constant, dims));
  for (size_t i = 0; i < values.size(); ++i) values[i] = chosen[i] != 0 ? values[i] : others[i];
  node.BindConstant(0, CastTo(Int64Constant(dims, values), a.type));
}

}  // namespace synergy
