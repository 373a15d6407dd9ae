// The same elements in another shape or order.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/shape_pieces.h"
#include "fmt/format.h"

namespace synergy {
namespace {

const std::vector<v1::DataType> kTransposable = {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64,
                                                 v1::DATA_TYPE_INT32, v1::DATA_TYPE_INT64};

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

// Axes from the attribute, or since opset 13 from the second input.
std::vector<int64_t> AxesOf(NodeConversion& node) {
  if (node.opset() < 13) return node.IntsAttribute("axes");
  return node.HasInput(1) ? node.KnownIntegers(1, "axes") : std::vector<int64_t>{};
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

}  // namespace synergy
