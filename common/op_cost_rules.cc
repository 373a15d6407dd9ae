#include "common/op_cost_rules.h"

#include "common/op_args.h"
#include "fmt/format.h"

namespace synergy {
namespace {

CheckedInt Product(const std::vector<int64_t>& dims) {
  CheckedInt product(1);
  for (int64_t dim : dims) product *= dim;
  return product;
}

}  // namespace

CheckedInt Elements(const OpTensor& tensor) { return Product(tensor.dims); }

absl::Status NeedTensors(const OpSpec& op, size_t least, size_t most) {
  if (op.inputs.size() < least || op.inputs.size() > most || op.outputs.empty()) {
    return InvalidOp(op,
                     fmt::format("it has {} inputs and {} outputs, needs {} to {} and at least 1",
                                 op.inputs.size(), op.outputs.size(), least, most));
  }
  return absl::OkStatus();
}

absl::StatusOr<OpWork> CostOfConv(const OpSpec& op) {
  if (auto status = NeedTensors(op, 2, 3); !status.ok()) return status;
  auto x = AsImage(op, op.inputs[0]);
  auto w = AsImage(op, op.inputs[1]);
  auto y = AsImage(op, op.outputs[0]);
  for (const auto* image : {&x, &w, &y}) {
    if (!image->ok()) return image->status();
  }
  const int64_t group = IntArg(op, "group", 1);
  const size_t rank = x->space.size();
  // The filter is {M, C/group, kernel...}, or {M, kernel..., C/group} when NHWC.
  CheckedInt channels = CheckedInt(w->channels) * group;
  if (group < 1 || channels.overflow() || channels.value() != x->channels ||
      w->batch % group != 0) {
    return InvalidOp(op, fmt::format("{} channels in {} groups do not fit a filter of {} x {}",
                                     x->channels, group, w->batch, w->channels));
  }
  if (y->channels != w->batch || y->batch != x->batch || w->space.size() != rank ||
      y->space.size() != rank) {
    return InvalidOp(op, fmt::format("input {}, filter {} and output {} do not fit",
                                     FormatShape(op.inputs[0].dims), FormatShape(op.inputs[1].dims),
                                     FormatShape(op.outputs[0].dims)));
  }
  const bool bias = op.inputs.size() == 3;
  if (bias && op.inputs[2].dims != std::vector<int64_t>{w->batch}) {
    return InvalidOp(op, fmt::format("the bias is not one of {} values", w->batch));
  }
  OpWork work;
  work.macs = Elements(op.outputs[0]) * w->channels * Product(w->space);
  work.flops = work.macs * 2 + (bias ? Elements(op.outputs[0]) : 0);
  return work;
}

absl::StatusOr<OpWork> CostOfConvTranspose(const OpSpec& op) {
  if (auto status = NeedTensors(op, 2, 3); !status.ok()) return status;
  auto x = AsImage(op, op.inputs[0]);
  auto w = AsImage(op, op.inputs[1]);
  auto y = AsImage(op, op.outputs[0]);
  for (const auto* image : {&x, &w, &y}) {
    if (!image->ok()) return image->status();
  }
  // The filter is {C, M/group, kernel...}: each element of the input meets M/group * kernel taps.
  if (w->batch != x->channels || y->batch != x->batch || w->space.size() != x->space.size()) {
    return InvalidOp(op, fmt::format("input {}, filter {} and output {} do not fit",
                                     FormatShape(op.inputs[0].dims), FormatShape(op.inputs[1].dims),
                                     FormatShape(op.outputs[0].dims)));
  }
  OpWork work;
  work.macs = Elements(op.inputs[0]) * w->channels * Product(w->space);
  work.flops = work.macs * 2 + (op.inputs.size() == 3 ? Elements(op.outputs[0]) : 0);
  return work;
}

namespace {

// The weights are a matrix of `rows` by `columns`, cut at axis_w; one of the two is the outputs'
// length.
absl::StatusOr<OpWork> CostOfProduct(const OpSpec& op, bool outputs_are_rows) {
  if (auto status = NeedTensors(op, 2, 3); !status.ok()) return status;
  const std::vector<int64_t>& w = op.inputs[1].dims;
  const int64_t rank = static_cast<int64_t>(w.size());
  int64_t axis = IntArg(op, "axis_w", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank || w.empty()) return InvalidOp(op, "the weights are no matrix");
  const CheckedInt rows = Product({w.begin(), w.begin() + axis});
  const CheckedInt columns = Product({w.begin() + axis, w.end()});
  const CheckedInt m = outputs_are_rows ? rows : columns;
  const CheckedInt k = outputs_are_rows ? columns : rows;
  const CheckedInt x = Elements(op.inputs[0]);
  const CheckedInt y = Elements(op.outputs[0]);
  // Whatever axis the input is flattened at, it is N rows of K.
  OpWork work;
  work.macs = x * m;
  work.flops = work.macs * 2;
  if (work.flops.overflow() || k.overflow() || y.overflow()) return work;
  if (k.value() == 0 || x.value() % k.value() != 0 ||
      x.value() / k.value() * m.value() != y.value()) {
    return InvalidOp(op, fmt::format("input {}, weights {} and output {} do not fit",
                                     FormatShape(op.inputs[0].dims), FormatShape(op.inputs[1].dims),
                                     FormatShape(op.outputs[0].dims)));
  }
  if (op.inputs.size() == 3) {
    if (op.inputs[2].dims != std::vector<int64_t>{m.value()}) {
      return InvalidOp(op, fmt::format("the bias is not one of {} values", m.value()));
    }
    work.flops += y;
  }
  return work;
}

}  // namespace

absl::StatusOr<OpWork> CostOfFc(const OpSpec& op) { return CostOfProduct(op, true); }
absl::StatusOr<OpWork> CostOfFcTransposed(const OpSpec& op) { return CostOfProduct(op, false); }

absl::StatusOr<OpWork> CostOfMatMul(const OpSpec& op) {
  if (auto status = NeedTensors(op, 2, 3); !status.ok()) return status;
  const std::vector<int64_t>& a = op.inputs[0].dims;
  const bool trans = IntArg(op, "trans_a", 0) != 0;
  // K: what is summed over. MatMul flattens to a matrix at axis_a, BatchMatMul takes the last two.
  CheckedInt k(1);
  if (op.type == "MatMul") {
    const int64_t rank = static_cast<int64_t>(a.size());
    int64_t axis = IntArg(op, "axis_a", 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis > rank) return InvalidOp(op, "axis_a is no axis");
    k = trans ? Product({a.begin(), a.begin() + axis}) : Product({a.begin() + axis, a.end()});
  } else if (!a.empty()) {
    k = a.size() > 1 && trans ? a[a.size() - 2] : a.back();
  }
  OpWork work;
  work.macs = Elements(op.outputs[0]) * k;
  work.flops = work.macs * 2;
  return work;
}

namespace {

constexpr int64_t kLegacySame = 2;  // caffe2_legacy.proto

// What legacy_pad SAME puts before the first element: half of what the windows lack, rounded down.
int64_t SamePad(const WindowAxis& w) {
  const CheckedInt lack = CheckedInt(w.out - 1) * w.stride + w.kernel - w.in;
  return lack.overflow() || lack.value() < 0 ? 0 : lack.value() / 2;
}

absl::StatusOr<CheckedInt> WindowsOfPool(const OpSpec& op) {
  if (auto status = NeedTensors(op, 1, 1); !status.ok()) return status;
  auto x = AsImage(op, op.inputs[0]);
  if (!x.ok()) return x.status();
  auto y = AsImage(op, op.outputs[0]);
  if (!y.ok()) return y.status();
  const size_t rank = x->space.size();
  if (y->space.size() != rank || y->channels != x->channels || y->batch != x->batch) {
    return InvalidOp(
        op, fmt::format("input {} and output {} do not fit", FormatShape(op.inputs[0].dims),
                        FormatShape(op.outputs[0].dims)));
  }
  if (IntArg(op, "global_pooling", 0) != 0) return Elements(op.inputs[0]);
  auto kernel = SpatialArg(op, "kernel", rank, 0);
  auto stride = SpatialArg(op, "stride", rank, 1);
  auto dilation = SpatialArg(op, "dilation", rank, 1);
  auto pad = HeadPads(op, rank);
  for (const auto* arg : {&kernel, &stride, &dilation, &pad}) {
    if (!arg->ok()) return arg->status();
  }
  CheckedInt windows = CheckedInt(x->batch) * x->channels;
  for (size_t axis = 0; axis < rank; ++axis) {
    if ((*dilation)[axis] != 1) return InvalidOp(op, "a pool has no dilation");
    WindowAxis window{x->space[axis], y->space[axis], (*kernel)[axis], (*stride)[axis],
                      (*pad)[axis]};
    if (IntArg(op, "legacy_pad", 0) == kLegacySame) window.pad = SamePad(window);
    auto sum = SumOfWindows(op, window);
    if (!sum.ok()) return sum.status();
    windows *= *sum;
  }
  return windows;
}

}  // namespace

absl::StatusOr<OpWork> CostOfMaxPool(const OpSpec& op) {
  auto windows = WindowsOfPool(op);
  if (!windows.ok()) return windows.status();
  return OpWork{0, *windows};
}

absl::StatusOr<OpWork> CostOfAveragePool(const OpSpec& op) {
  auto windows = WindowsOfPool(op);
  if (!windows.ok()) return windows.status();
  return OpWork{0, *windows + Elements(op.outputs[0])};
}

namespace {

absl::Status NeedSameShape(const OpSpec& op, size_t inputs) {
  for (size_t i = 0; i < inputs; ++i) {
    if (op.inputs[i].dims != op.outputs[0].dims) {
      return InvalidOp(
          op, fmt::format("input {} is {} but the output {}", i, FormatShape(op.inputs[i].dims),
                          FormatShape(op.outputs[0].dims)));
    }
  }
  return absl::OkStatus();
}

// Inputs [1, end) have a value per channel. The channels.
absl::StatusOr<int64_t> NeedPerChannel(const OpSpec& op, size_t end) {
  const std::vector<int64_t>& x = op.inputs[0].dims;
  if (x.size() < 2) return InvalidOp(op, "its input has no channels");
  const int64_t channels = op.order == "NHWC" ? x.back() : x[1];
  for (size_t i = 1; i < end; ++i) {
    if (Elements(op.inputs[i]).value() != channels) {
      return InvalidOp(op, fmt::format("input {} is not one of {} values", i, channels));
    }
  }
  return channels;
}

}  // namespace

absl::StatusOr<OpWork> CostOfLrn(const OpSpec& op) {
  if (auto status = NeedTensors(op, 1, 1); !status.ok()) return status;
  if (auto status = NeedSameShape(op, 1); !status.ok()) return status;
  auto x = AsImage(op, op.inputs[0]);
  if (!x.ok()) return x.status();
  const int64_t size = IntArg(op, "size", 0);
  if (size < 1) return InvalidOp(op, "size is missing or below 1");
  // Caffe2 centres the window: (size - 1) / 2 channels before.
  auto windows = SumOfWindows(op, {x->channels, x->channels, size, 1, (size - 1) / 2});
  if (!windows.ok()) return windows.status();
  return OpWork{0, Elements(op.outputs[0]) * 5 + *windows * x->batch * Product(x->space)};
}

absl::StatusOr<OpWork> CostOfSpatialBn(const OpSpec& op) {
  if (auto status = NeedTensors(op, 5, 5); !status.ok()) return status;
  if (auto status = NeedSameShape(op, 1); !status.ok()) return status;
  auto channels = NeedPerChannel(op, 5);
  if (!channels.ok()) return channels.status();
  return OpWork{0, Elements(op.outputs[0]) * 2 + CheckedInt(*channels) * 5};
}

absl::StatusOr<OpWork> CostOfInstanceNorm(const OpSpec& op) {
  if (auto status = NeedTensors(op, 3, 3); !status.ok()) return status;
  if (auto status = NeedSameShape(op, 1); !status.ok()) return status;
  auto channels = NeedPerChannel(op, 3);
  if (!channels.ok()) return channels.status();
  const CheckedInt instances = CheckedInt(op.inputs[0].dims[0]) * *channels;
  return OpWork{0, Elements(op.outputs[0]) * 5 + instances * 8};
}

absl::StatusOr<OpWork> CostOfSum(const OpSpec& op) {
  if (auto status = NeedTensors(op, 1, SIZE_MAX); !status.ok()) return status;
  if (auto status = NeedSameShape(op, op.inputs.size()); !status.ok()) return status;
  return OpWork{0, Elements(op.outputs[0]) * (static_cast<int64_t>(op.inputs.size()) - 1)};
}

absl::StatusOr<OpWork> CostOfMean(const OpSpec& op) {
  auto sum = CostOfSum(op);
  if (!sum.ok()) return sum;
  return OpWork{0, sum->flops + Elements(op.outputs[0])};
}

absl::StatusOr<OpWork> CostOfReduction(const OpSpec& op) {
  if (auto status = NeedTensors(op, 1, 1); !status.ok()) return status;
  CheckedInt flops = Elements(op.inputs[0]);
  if (op.type == "ReduceL1" || op.type == "ReduceL2") flops *= 2;  // magnitude or square, then add
  if (op.type == "ReduceMean" || op.type == "ReduceL2") flops += Elements(op.outputs[0]);
  return OpWork{0, flops};
}

}  // namespace synergy
