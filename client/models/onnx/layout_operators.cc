// Shapes and the order of elements. All shapes are known while the net is built, so every shape
// that ONNX computes becomes an argument.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "fmt/format.h"

namespace synergy {
namespace {

const std::vector<v1::DataType> kTransposable = {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64,
                                                 v1::DATA_TYPE_INT32, v1::DATA_TYPE_INT64};

// A constant of the same elements in another shape.
NetValue ConstantInShape(NodeConversion& node, const NetValue& value, std::vector<int64_t> dims) {
  OnnxConstant constant = *value.constant;
  constant.dims = std::move(dims);
  return node.SharedConstant(std::move(constant));
}

std::vector<int64_t> Signed(const std::vector<size_t>& axes) { return {axes.begin(), axes.end()}; }

}  // namespace

Caffe2Operator ReshapeOperator(const std::vector<int64_t>& dims) {
  Caffe2Operator op("Reshape");
  op.Ints("shape", dims);
  return op;
}

NetValue WithAxes(NodeConversion& node, const NetValue& value, const std::vector<size_t>& axes) {
  if (!node.ok()) return {};
  std::vector<int64_t> dims = value.dims;
  for (const size_t axis : axes) {
    if (axis > dims.size()) return node.Reject(fmt::format("axis {}", axis)), NetValue{};
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  }
  if (value.constant != nullptr) return ConstantInShape(node, value, std::move(dims));
  return node.Emit(Caffe2Operator("ExpandDims").Ints("dims", Signed(axes)), {value});
}

NetValue Reshaped(NodeConversion& node, const NetValue& value, const std::vector<int64_t>& dims) {
  if (!node.ok()) return {};
  if (value.constant != nullptr) return ConstantInShape(node, value, dims);
  return node.EmitWithExtra(ReshapeOperator(dims), {value});
}

NetValue Expanded(NodeConversion& node, const NetValue& value, const std::vector<int64_t>& dims) {
  if (!node.ok() || value.dims == dims) return value;
  const NetValue shape = node.Constant(Int64Constant({static_cast<int64_t>(dims.size())}, dims));
  return node.Emit(Caffe2Operator("Expand"), {value, shape});
}

std::vector<int64_t> BroadcastDims(NodeConversion& node, const std::vector<int64_t>& a,
                                   const std::vector<int64_t>& b) {
  std::vector<int64_t> dims(std::max(a.size(), b.size()));
  for (size_t i = 0; i < dims.size(); ++i) {  // from the last axis on
    const int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t right = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (left != right && left != 1 && right != 1) {
      node.Reject(fmt::format("shapes [{}] and [{}] do not fit each other", fmt::join(a, ", "),
                              fmt::join(b, ", ")));
      return {};
    }
    dims[dims.size() - 1 - i] = left == 1 ? right : left;
  }
  return dims;
}

namespace {

// The shape that Reshape makes of `x`: 0 copies a dimension (unless `allow_zero`), -1 takes the
// rest.
std::vector<int64_t> ReshapedDims(NodeConversion& node, const NetValue& x,
                                  std::vector<int64_t> shape, bool allow_zero) {
  if (!node.ok()) return {};
  const std::string text =
      fmt::format("[{}] to [{}]", fmt::join(x.dims, ", "), fmt::join(shape, ", "));
  size_t rest = shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !allow_zero) {
      if (i >= x.rank()) return node.Reject("copies a dimension that is not there"), shape;
      shape[i] = x.dims[i];
    } else if (shape[i] == -1 && rest == shape.size()) {
      rest = i;
    } else if (shape[i] < 0) {
      return node.Reject(fmt::format("cannot reshape {}", text)), shape;
    }
  }
  if (rest < shape.size()) shape[rest] = 1;
  const auto count = ElementCount(x.dims);
  const auto others = ElementCount(shape);
  if (!count.ok() || !others.ok())
    return node.Reject(fmt::format("cannot reshape {}", text)), shape;
  if (rest < shape.size()) {
    if (*others == 0 || *count % *others != 0) {
      return node.Reject(fmt::format("cannot reshape {}", text)), shape;
    }
    shape[rest] = *count / *others;
  } else if (*count != *others) {
    node.Reject(fmt::format("cannot reshape {}", text));
  }
  return shape;
}

// Caffe2's Reshape reads a 0 as "copy": an empty tensor keeps its zeros only where it has them.
void EmitReshape(NodeConversion& node, const NetValue& x, const std::vector<int64_t>& dims) {
  if (!node.ok()) return;
  if (x.constant != nullptr) return node.Bind(0, ConstantInShape(node, x, dims));
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && (i >= x.rank() || x.dims[i] != 0)) {
      return node.Refuse(
          "an empty tensor in another shape: Caffe2's Reshape copies dimensions "
          "where the shape has a 0");
    }
  }
  node.EmitResult(ReshapeOperator(dims), {x}, 1, 1);
}

}  // namespace

void ConvertReshapeByAttribute(NodeConversion& node) {
  const NetValue x = node.Input(0);
  EmitReshape(node, x, ReshapedDims(node, x, node.IntsAttribute("shape"), false));
}

void ConvertReshape(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const std::vector<int64_t> shape = node.KnownIntegers(1, "shape");
  const bool allow_zero = node.opset() >= 14 && node.IntAttribute("allowzero", 0) != 0;
  EmitReshape(node, x, ReshapedDims(node, x, shape, allow_zero));
}

void ConvertFlatten(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const int64_t axis = node.IntAttribute("axis", 1);
  if (!node.ok()) return;
  const bool whole = axis == static_cast<int64_t>(x.rank());  // all but nothing in the rows
  const size_t first = whole ? x.rank() : node.Axis(axis, x.rank());
  if (!node.ok()) return;
  if (x.constant != nullptr) {
    std::vector<int64_t> dims = {1, 1};
    for (size_t i = 0; i < x.rank(); ++i) dims[i < first ? 0 : 1] *= x.dims[i];
    return node.Bind(0, ConstantInShape(node, x, dims));
  }
  node.EmitResult(Caffe2Operator("Flatten").Int("axis", static_cast<int64_t>(first)), {x});
}

namespace {

// Axes from the attribute, or since opset 13 from the second input.
std::vector<int64_t> AxesOf(NodeConversion& node) {
  if (node.opset() < 13) return node.IntsAttribute("axes");
  return node.HasInput(1) ? node.KnownIntegers(1, "axes") : std::vector<int64_t>{};
}

}  // namespace

void ConvertSqueeze(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const std::vector<int64_t> given = AxesOf(node);
  if (!node.ok()) return;
  std::vector<size_t> axes = node.Axes(given, x.rank());
  if (given.empty()) {
    for (size_t i = 0; i < x.rank(); ++i) {
      if (x.dims[i] == 1) axes.push_back(i);
    }
  }
  if (!node.ok()) return;
  if (axes.empty()) return node.Bind(0, x);
  for (const size_t axis : axes) {
    if (x.dims[axis] != 1) {
      return node.Reject(fmt::format("axis {} has length {}, not 1", axis, x.dims[axis]));
    }
  }
  if (x.constant != nullptr) {
    std::vector<int64_t> dims;
    for (size_t i = 0; i < x.rank(); ++i) {
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) dims.push_back(x.dims[i]);
    }
    return node.Bind(0, ConstantInShape(node, x, std::move(dims)));
  }
  node.EmitResult(Caffe2Operator("Squeeze").Ints("dims", Signed(axes)), {x});
}

void ConvertUnsqueeze(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const std::vector<int64_t> given = AxesOf(node);
  if (!node.ok()) return;
  const std::vector<size_t> axes = node.Axes(given, x.rank() + given.size());
  if (!node.ok()) return;
  if (axes.empty()) return node.Bind(0, x);
  if (x.constant != nullptr) return node.Bind(0, WithAxes(node, x, axes));
  node.EmitResult(Caffe2Operator("ExpandDims").Ints("dims", Signed(axes)), {x});
}

void ConvertTranspose(NodeConversion& node) {
  const NetValue x = node.Input(0);
  std::vector<int64_t> permutation = node.IntsAttribute("perm");
  if (!node.ok()) return;
  if (permutation.empty()) {
    permutation.resize(x.rank());
    std::iota(permutation.rbegin(), permutation.rend(), 0);
  }
  if (node.Axes(permutation, x.rank()).size() != x.rank()) {
    return node.Reject(
        fmt::format("permutation [{}] of {} axes", fmt::join(permutation, ", "), x.rank()));
  }
  if (!node.ok()) return;
  const auto rank = static_cast<int64_t>(x.rank());
  for (int64_t& axis : permutation) axis = axis < 0 ? axis + rank : axis;
  // Of weights too, whatever their size: nothing is left to do while the net runs.
  if (x.constant != nullptr) return node.BindConstant(0, Permute(*x.constant, permutation));
  node.Input(0, kTransposable);
  node.EmitResult(Caffe2Operator("Transpose").Ints("axes", permutation), {x});
}

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
  const NetValue x = node.Input(0, kTransposable);
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
