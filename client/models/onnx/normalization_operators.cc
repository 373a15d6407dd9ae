#include <cstdint>
#include <string>
#include <vector>

#include "client/models/onnx/operator_rows.h"
#include "fmt/format.h"

namespace synergy {

void ConvertBatchNormalization(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  std::vector<NetValue> inputs = {x};
  for (size_t i = 1; i < 5; ++i) inputs.push_back(node.FloatInput(i));
  node.IgnoreAttribute("momentum");  // of training
  const double epsilon = node.FloatAttribute("epsilon", 1e-5);
  if (node.opset() < 7 && node.IntAttribute("is_test", 0) == 0) {
    node.Refuse("is_test is 0: this is a model for training; export it for inference");
  }
  if (node.opset() < 9 && node.IntAttribute("spatial", 1) == 0) {
    node.Refuse("spatial is 0: Caffe2's SpatialBN has one mean per channel");
  }
  if (node.opset() >= 14 && node.IntAttribute("training_mode", 0) != 0) {
    node.Refuse("training_mode is 1: this is a model for training; export it for inference");
  }
  for (size_t i = 1; i < node.output_count(); ++i) {
    if (node.WantsOutput(i)) node.Refuse("outputs that only training has");
  }
  if (!node.ok()) return;
  if (x.rank() < 2) return node.Reject("an input without channels");
  Caffe2Operator op("SpatialBN");
  op.Int("is_test", 1).Float("epsilon", epsilon).String("order", "NCHW");
  node.EmitResult(op, inputs);
}

void ConvertInstanceNormalization(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  Caffe2Operator op("InstanceNorm");
  op.Float("epsilon", node.FloatAttribute("epsilon", 1e-5)).String("order", "NCHW");
  node.EmitResult(op, {x, node.FloatInput(1), node.FloatInput(2)});
}

void ConvertLrn(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const int64_t size = node.IntAttribute("size", 0);
  if (!node.ok()) return;
  if (x.rank() != 4) {
    return node.Refuse(
        fmt::format("an input with {} dimensions: Caffe2's LRN takes images, with 4", x.rank()));
  }
  if (size < 1) return node.Reject("lacks its size, or has none above 0");
  if (size % 2 == 0) {
    return node.Refuse(fmt::format("size {}: Caffe2's LRN takes odd sizes", size));
  }
  Caffe2Operator op("LRN");
  op.Int("size", size)
      .Float("alpha", node.FloatAttribute("alpha", 1e-4))
      .Float("beta", node.FloatAttribute("beta", 0.75))
      .Float("bias", node.FloatAttribute("bias", 1))
      .String("order", "NCHW");
  node.EmitResult(op, {x});
}

void ConvertSoftmaxOfRows(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const size_t axis = node.Axis(node.IntAttribute("axis", 1), x.rank());
  node.EmitResult(Caffe2Operator("Softmax").Int("axis", static_cast<int64_t>(axis)), {x});
}

// Caffe2's Softmax is that of rows: it fits where everything behind the axis has length 1;
// elsewhere the axis is brought to the end and back.
void ConvertSoftmaxAlongAxis(NodeConversion& node) {
  const NetValue x = node.FloatInput(0);
  const size_t axis = node.Axis(node.IntAttribute("axis", -1), x.rank());
  if (!node.ok()) return;
  bool rows = true;
  for (size_t i = axis + 1; i < x.rank(); ++i) rows = rows && x.dims[i] == 1;
  if (rows) {
    return node.EmitResult(Caffe2Operator("Softmax").Int("axis", static_cast<int64_t>(axis)), {x});
  }
  const size_t last = x.rank() - 1;
  std::vector<int64_t> swap;
  for (size_t i = 0; i < x.rank(); ++i) swap.push_back(static_cast<int64_t>(i));
  std::swap(swap[axis], swap[last]);
  const NetValue turned = node.Emit(Caffe2Operator("Transpose").Ints("axes", swap), {x});
  const NetValue result =
      node.Emit(Caffe2Operator("Softmax").Int("axis", static_cast<int64_t>(last)), {turned});
  node.EmitResult(Caffe2Operator("Transpose").Ints("axes", swap), {result});
}

}  // namespace synergy
