// Joining, parting, repeating and reducing along axes.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/shape_pieces.h"
#include "fmt/format.h"

namespace synergy {
namespace {

const std::vector<v1::DataType> kExpandable = {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64,
                                               v1::DATA_TYPE_INT32, v1::DATA_TYPE_INT64};

}  // namespace

void ConvertConcat(NodeConversion& node) {
  if (node.input_count() == 0) return node.Reject("has no inputs");
  std::vector<NetValue> inputs;
  for (size_t i = 0; i < node.input_count(); ++i) inputs.push_back(node.Input(i));
  if (!node.HasAttribute("axis") && node.opset() >= 4) node.Reject("lacks its axis");
  const size_t axis = node.Axis(node.IntAttribute("axis", 1), inputs[0].rank());
  if (!node.ok()) return;
  if (inputs.size() == 1) return node.Bind(0, inputs[0]);
  for (const NetValue& input : inputs) {
    if (input.type != inputs[0].type) return node.Reject("inputs of different element types");
  }
  bool foldable = true;
  std::vector<int64_t> joined = inputs[0].dims;
  joined[axis] = 0;
  for (const NetValue& input : inputs) {
    std::vector<int64_t> dims = input.dims;
    if (dims.size() != inputs[0].rank()) return node.Reject("inputs of different ranks");
    dims[axis] = inputs[0].dims[axis];
    if (dims != inputs[0].dims) return node.Reject("inputs whose shapes do not fit each other");
    foldable = foldable && IsFoldable(input);
    joined[axis] += input.dims[axis];
  }
  foldable = foldable && IsFoldable({"", inputs[0].type, joined, inputs[0].constant});
  if (foldable) return node.BindConstant(0, Join(inputs, axis));
  node.EmitResult(Caffe2Operator("Concat").Int("axis", static_cast<int64_t>(axis)), inputs, 1, 1);
}

void ConvertSplit(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const size_t axis = node.Axis(node.IntAttribute("axis", 0), x.rank());
  std::vector<int64_t> parts;
  if (node.opset() < 13) {
    parts = node.IntsAttribute("split");
  } else if (node.HasInput(1)) {
    parts = node.KnownIntegers(1, "split");
  }
  if (!node.ok()) return;
  const auto outputs = static_cast<int64_t>(node.output_count());
  if (parts.empty()) {
    if (x.dims[axis] % outputs != 0) {
      return node.Reject(
          fmt::format("axis {} of length {} in {} equal parts", axis, x.dims[axis], outputs));
    }
    parts.assign(node.output_count(), x.dims[axis] / outputs);
  }
  int64_t sum = 0;
  for (const int64_t part : parts) {
    if (part < 0 || part > x.dims[axis]) return node.Reject(fmt::format("a part of {}", part));
    sum += part;
  }
  if (parts.size() != node.output_count() || sum != x.dims[axis]) {
    return node.Reject(fmt::format("parts [{}] of an axis of length {} for {} outputs",
                                   fmt::join(parts, ", "), x.dims[axis], outputs));
  }
  if (parts.size() == 1) return node.Bind(0, x);
  if (IsFoldable(x)) {
    int64_t begin = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<int64_t> indices(static_cast<size_t>(parts[i]));
      std::iota(indices.begin(), indices.end(), begin);
      node.BindConstant(i, Take(*x.constant, axis, indices));
      begin += parts[i];
    }
    return;
  }
  Caffe2Operator op("Split");
  op.Int("axis", static_cast<int64_t>(axis)).Ints("split", parts);
  node.EmitResult(op, {x}, node.output_count());
}

void ConvertExpand(NodeConversion& node) {
  const NetValue x = node.Input(0, kExpandable);
  const std::vector<int64_t> shape = node.KnownIntegers(1, "shape");
  const auto count = ElementCount(shape);
  if (!count.ok()) return node.Reject(std::string(count.status().message()));
  const std::vector<int64_t> dims = BroadcastDims(node, x.dims, shape);
  if (!node.ok()) return;
  if (dims == x.dims) return node.Bind(0, x);
  if (IsFoldable(x) && IsFoldable({"", x.type, dims, x.constant})) {
    return node.BindConstant(0, Spread(*x.constant, dims));
  }
  const NetValue target = node.Constant(Int64Constant({static_cast<int64_t>(dims.size())}, dims));
  node.EmitResult(Caffe2Operator("Expand"), {x, target});
}

void ConvertTile(NodeConversion& node) {
  NetValue x = node.FloatInput(0);
  const std::vector<int64_t> repeats = node.KnownIntegers(1, "repeats");
  if (!node.ok()) return;
  if (repeats.size() != x.rank()) return node.Reject("repeats for another number of axes");
  std::vector<size_t> axes;
  for (size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 1) return node.Refuse(fmt::format("{} repeats", repeats[i]));
    if (repeats[i] > 1) axes.push_back(i);
  }
  if (axes.empty()) return node.Bind(0, x);
  for (const size_t axis : axes) {
    Caffe2Operator op("Tile");
    op.Int("tiles", repeats[axis]).Int("axis", static_cast<int64_t>(axis));
    if (axis == axes.back()) return node.EmitResult(op, {x});
    x = node.Emit(op, {x});
  }
}

void ConvertReduce(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const bool by_input = node.op_type() == "ReduceSum" && node.opset() >= 13;
  std::vector<int64_t> given;
  if (!by_input) {
    given = node.IntsAttribute("axes");
  } else if (node.HasInput(1)) {
    given = node.KnownIntegers(1, "axes");
  }
  const bool noop = by_input && node.IntAttribute("noop_with_empty_axes", 0) != 0;
  const int64_t keep = node.IntAttribute("keepdims", 1);
  if (!node.ok()) return;
  if (given.empty() && noop) return node.Bind(0, x);
  Caffe2Operator op(node.op_type());
  // Without axes, all of them.
  if (!given.empty()) op.Ints("axes", Signed(node.Axes(given, x.rank())));
  op.Int("keepdims", keep != 0 ? 1 : 0);
  node.EmitResult(op, {x});
}

}  // namespace synergy
