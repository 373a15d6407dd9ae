#include "client/models/onnx/shape_pieces.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace synergy {

NetValue ConstantInShape(NodeConversion& node, const NetValue& value, std::vector<int64_t> dims) {
  OnnxConstant constant = *value.constant;
  constant.dims = std::move(dims);
  return node.SharedConstant(std::move(constant));
}

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

}  // namespace synergy
