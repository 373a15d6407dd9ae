// Slices and gathers.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/operator_rows.h"
#include "client/models/onnx/sampling_steps.h"
#include "fmt/format.h"

namespace synergy {
namespace {

struct Cut {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;
};

// numpy's rule for begin and end that count from the back or lie outside.
Cut Clamp(Cut cut, int64_t length) {
  const int64_t lowest = cut.step > 0 ? 0 : -1;
  const int64_t highest = cut.step > 0 ? length : length - 1;
  const auto clamp = [&](int64_t value) {
    if (value < 0) value = value < -length ? lowest : value + length;
    return std::clamp(value, lowest, std::max(lowest, highest));
  };
  return {clamp(cut.begin), clamp(cut.end), cut.step};
}

std::vector<int64_t> IndicesOf(const Cut& cut) {
  std::vector<int64_t> indices;
  for (int64_t at = cut.begin; cut.step > 0 ? at < cut.end : at > cut.end;) {
    indices.push_back(at);
    if (__builtin_add_overflow(at, cut.step, &at)) break;
  }
  return indices;
}

void EmitSlice(NodeConversion& node, const std::vector<int64_t>& starts,
               const std::vector<int64_t>& ends, std::vector<int64_t> axes,
               std::vector<int64_t> strides) {
  const NetValue x = node.Input(0);
  if (!node.ok()) return;
  if (axes.empty()) {
    axes.resize(starts.size());
    for (size_t j = 0; j < axes.size(); ++j) axes[j] = static_cast<int64_t>(j);
  }
  if (strides.empty()) strides.assign(starts.size(), 1);
  if (starts.size() != ends.size() || starts.size() != axes.size() ||
      starts.size() != strides.size()) {
    return node.Reject("starts, ends, axes and steps of different lengths");
  }
  node.Axes(axes, x.rank());  // none twice
  std::vector<int64_t> dims = x.dims;
  std::vector<Step> chain;
  NetValue known = x;  // so far, where x is a constant
  for (size_t i = 0; node.ok() && i < axes.size(); ++i) {
    const size_t axis = node.Axis(axes[i], x.rank());
    if (!node.ok()) return;
    if (strides[i] == 0) return node.Reject("a step of 0");
    const Cut cut = Clamp({starts[i], ends[i], strides[i]}, dims[axis]);
    const int64_t end = std::max(cut.begin, cut.end);
    if (cut.step == 1 && cut.begin == 0 && end == dims[axis]) continue;
    if (cut.step == 1 && !IsFoldable(x)) {
      chain.push_back(CutStep(dims, axis, cut.begin, end));
      dims[axis] = end - cut.begin;
      continue;
    }
    if (dims[axis] > kMostIndices) return RefuseIndices(node, axis);
    const std::vector<int64_t> indices = IndicesOf(cut);
    if (IsFoldable(x)) {
      known = node.Constant(Take(*known.constant, axis, indices));
    } else {
      chain.push_back(TakeStep(node, axis, indices));
    }
    dims[axis] = static_cast<int64_t>(indices.size());
  }
  RunSteps(node, known, chain);
}

}  // namespace

void ConvertSliceByAttributes(NodeConversion& node) {
  EmitSlice(node, node.IntsAttribute("starts"), node.IntsAttribute("ends"),
            node.IntsAttribute("axes"), {});
}

void ConvertSlice(NodeConversion& node) {
  const std::vector<int64_t> starts = node.KnownIntegers(1, "starts");
  const std::vector<int64_t> ends = node.KnownIntegers(2, "ends");
  std::vector<int64_t> axes;
  std::vector<int64_t> steps;
  if (node.HasInput(3)) axes = node.KnownIntegers(3, "axes");
  if (node.HasInput(4)) steps = node.KnownIntegers(4, "steps");
  EmitSlice(node, starts, ends, std::move(axes), std::move(steps));
}

namespace {

void FoldGather(NodeConversion& node, const NetValue& x, size_t axis, const NetValue& indices) {
  std::vector<int64_t> chosen = IntegersOf(*indices.constant);
  for (int64_t& index : chosen) {
    if (index < -x.dims[axis] || index >= x.dims[axis]) {
      return node.Reject(fmt::format("index {} of {} elements", index, x.dims[axis]));
    }
    if (index < 0) index += x.dims[axis];
  }
  auto count = ElementCount(x.dims);
  const int64_t others = *count / std::max<int64_t>(1, x.dims[axis]);
  if (others * static_cast<int64_t>(chosen.size()) > (1 << 20)) {
    return node.Refuse("a constant of too many elements");
  }
  OnnxConstant taken = Take(*x.constant, axis, chosen);
  const auto at = taken.dims.begin() + static_cast<std::ptrdiff_t>(axis);
  taken.dims.insert(taken.dims.erase(at), indices.dims.begin(), indices.dims.end());
  node.BindConstant(0, std::move(taken));
}

}  // namespace

void ConvertGather(NodeConversion& node) {
  const NetValue x = node.Input(0);
  const NetValue indices = node.Input(1, {v1::DATA_TYPE_INT32, v1::DATA_TYPE_INT64});
  const size_t axis = node.Axis(node.IntAttribute("axis", 0), x.rank());
  if (!node.ok()) return;
  if (IsFoldable(x) && IsFoldable(indices)) return FoldGather(node, x, axis, indices);
  Caffe2Operator op("Gather");
  op.Int("axis", static_cast<int64_t>(axis)).Int("wrap_indices", 1);
  node.EmitResult(op, {x, indices});
}

}  // namespace synergy
