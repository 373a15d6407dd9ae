#include "client/models/onnx/sampling_steps.h"

#include "fmt/format.h"

namespace synergy {

void RunSteps(NodeConversion& node, NetValue x, const std::vector<Step>& steps) {
  if (!node.ok()) return;
  if (steps.empty()) return node.Bind(0, x);
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<NetValue> inputs = {x};
    inputs.insert(inputs.end(), steps[i].more.begin(), steps[i].more.end());
    if (i + 1 == steps.size()) {
      return node.EmitResult(steps[i].op, inputs, 1, steps[i].extra ? 1 : 0);
    }
    x = steps[i].extra ? node.EmitWithExtra(steps[i].op, inputs) : node.Emit(steps[i].op, inputs);
  }
}

void RefuseIndices(NodeConversion& node, size_t axis) {
  node.Refuse(fmt::format("axis {}: more than {} elements taken one by one", axis, kMostIndices));
}

Step TakeStep(NodeConversion& node, size_t axis, const std::vector<int64_t>& indices) {
  Caffe2Operator op("Gather");
  op.Int("axis", static_cast<int64_t>(axis));
  return {op, {node.Constant(Int64Constant({static_cast<int64_t>(indices.size())}, indices))}};
}

Step CutStep(const std::vector<int64_t>& dims, size_t axis, int64_t begin, int64_t end) {
  std::vector<int64_t> starts(dims.size(), 0);
  std::vector<int64_t> ends = dims;
  starts[axis] = begin;
  ends[axis] = end;
  return {Caffe2Operator("Slice").Ints("starts", starts).Ints("ends", ends), {}};
}

}  // namespace synergy
