#include <cstdint>
#include <vector>

#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/shape_pieces.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// The matrix product of two 2-D values, each transposed or not.
Caffe2Operator Product(bool transpose_a, bool transpose_b) {
  Caffe2Operator op("MatMul");
  if (transpose_a) op.Int("trans_a", 1);
  if (transpose_b) op.Int("trans_b", 1);
  return op;
}

NetValue Scaled(NodeConversion& node, const NetValue& value, double factor) {
  if (factor == 1) return value;
  const NetValue scale = node.Constant(FloatConstant({1}, {static_cast<float>(factor)}));
  return node.Emit(Caffe2Operator("Mul"), {value, scale});
}

}  // namespace

// alpha A B + beta C. With weights and a bias per column that is Caffe2's FC; anything else is put
// together from a product, scales and a sum.
void ConvertGemm(NodeConversion& node) {
  const NetValue a = node.FloatInput(0);
  const NetValue b = node.FloatInput(1);
  const bool transpose_a = node.IntAttribute("transA", 0) != 0;
  const bool transpose_b = node.IntAttribute("transB", 0) != 0;
  const double alpha = node.FloatAttribute("alpha", 1);
  const double beta = node.FloatAttribute("beta", 1);
  if (node.opset() < 7) node.IgnoreAttribute("broadcast");  // since then always
  if (!node.ok()) return;
  if (a.rank() != 2 || b.rank() != 2) {
    return node.Reject(fmt::format("matrices with {} and {} dimensions", a.rank(), b.rank()));
  }
  if (!node.HasInput(2) || beta == 0) {
    if (alpha == 1) return node.EmitResult(Product(transpose_a, transpose_b), {a, b});
    const NetValue product = node.Emit(Product(transpose_a, transpose_b), {a, b});
    const NetValue scale = node.Constant(FloatConstant({1}, {static_cast<float>(alpha)}));
    return node.EmitResult(Caffe2Operator("Mul"), {product, scale});
  }
  const NetValue c = node.FloatInput(2);
  const int64_t columns = b.dims[transpose_b ? 0 : 1];
  if (!transpose_a && alpha == 1 && beta == 1 && c.rank() == 1 && c.dims[0] == columns) {
    return node.EmitResult(Caffe2Operator(transpose_b ? "FC" : "FCTransposed"), {a, b, c});
  }
  const NetValue product =
      Scaled(node, node.Emit(Product(transpose_a, transpose_b), {a, b}), alpha);
  if (!node.ok()) return;
  if (BroadcastDims(node, product.dims, c.dims) != product.dims) {
    return node.Reject("its bias does not fit the product");
  }
  node.EmitResult(Caffe2Operator("Add"), {product, Scaled(node, c, beta)});
}

void ConvertMatMul(NodeConversion& node) {
  NetValue a = node.FloatInput(0);
  NetValue b = node.FloatInput(1);
  if (!node.ok()) return;
  if (a.rank() == 0 || b.rank() == 0) return node.Reject("a scalar is no matrix");
  if (a.rank() == 2 && b.rank() == 2) return node.EmitResult(Product(false, false), {a, b});
  if (a.rank() == 1 && b.rank() == 1) {
    // Two vectors: the result is a scalar, which Caffe2's product of vectors is not.
    const NetValue product =
        node.Emit(Product(false, false), {WithAxes(node, a, {0}), WithAxes(node, b, {1})});
    return node.EmitResult(Caffe2Operator("Squeeze").Ints("dims", {0, 1}), {product});
  }
  // A stack of matrices times one matrix is one product of a taller matrix.
  if (a.rank() > 2 && b.rank() == 2) {
    const auto axis = static_cast<int64_t>(a.rank()) - 1;
    const NetValue product = node.Emit(Product(false, false).Int("axis_a", axis), {a, b});
    std::vector<int64_t> dims(a.dims.begin(), a.dims.end() - 1);
    dims.push_back(b.dims[1]);
    return node.EmitResult(ReshapeOperator(dims), {product}, 1, 1);
  }
  node.EmitResult(Caffe2Operator("BatchMatMul").Int("broadcast", 1), {a, b});
}

}  // namespace synergy
