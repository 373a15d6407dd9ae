#include "common/op_cost.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "common/checked_int.h"
#include "common/op_args.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

CheckedInt Product(const std::vector<int64_t>& dims) {
  CheckedInt product(1);
  for (int64_t dim : dims) product *= dim;
  return product;
}

CheckedInt Elements(const OpTensor& tensor) { return Product(tensor.dims); }

// What an operator's own rule finds; bytes and parameters follow from the tensors for all of them.
struct Work {
  CheckedInt macs = 0;
  CheckedInt flops = 0;
};

using Rule = absl::StatusOr<Work> (*)(const OpSpec&);

absl::Status NeedTensors(const OpSpec& op, size_t least, size_t most) {
  if (op.inputs.size() < least || op.inputs.size() > most || op.outputs.empty()) {
    return InvalidOp(op,
                     fmt::format("it has {} inputs and {} outputs, needs {} to {} and at least 1",
                                 op.inputs.size(), op.outputs.size(), least, most));
  }
  return absl::OkStatus();
}

absl::StatusOr<Work> CostOfConv(const OpSpec& op) {
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
  Work work;
  work.macs = Elements(op.outputs[0]) * w->channels * Product(w->space);
  work.flops = work.macs * 2 + (bias ? Elements(op.outputs[0]) : 0);
  return work;
}

absl::StatusOr<Work> CostOfFc(const OpSpec& op) {
  if (auto status = NeedTensors(op, 2, 3); !status.ok()) return status;
  if (op.inputs[1].dims.empty()) return InvalidOp(op, "the weights are a scalar");
  const int64_t m = op.inputs[1].dims[0];
  const CheckedInt k = Product({op.inputs[1].dims.begin() + 1, op.inputs[1].dims.end()});
  const CheckedInt x = Elements(op.inputs[0]);
  const CheckedInt y = Elements(op.outputs[0]);
  // Whatever axis the input is flattened at, it is N rows of K.
  Work work;
  work.macs = x * m;
  work.flops = work.macs * 2;
  if (work.flops.overflow() || k.overflow() || y.overflow()) return work;
  if (k.value() == 0 || x.value() % k.value() != 0 || x.value() / k.value() * m != y.value()) {
    return InvalidOp(op, fmt::format("input {}, weights {} and output {} do not fit",
                                     FormatShape(op.inputs[0].dims), FormatShape(op.inputs[1].dims),
                                     FormatShape(op.outputs[0].dims)));
  }
  if (op.inputs.size() == 3) {
    if (op.inputs[2].dims != std::vector<int64_t>{m}) {
      return InvalidOp(op, fmt::format("the bias is not one of {} values", m));
    }
    work.flops += y;
  }
  return work;
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
    auto sum = SumOfWindows(
        op, {x->space[axis], y->space[axis], (*kernel)[axis], (*stride)[axis], (*pad)[axis]});
    if (!sum.ok()) return sum.status();
    windows *= *sum;
  }
  return windows;
}

absl::StatusOr<Work> CostOfMaxPool(const OpSpec& op) {
  auto windows = WindowsOfPool(op);
  if (!windows.ok()) return windows.status();
  return Work{0, *windows};
}

absl::StatusOr<Work> CostOfAveragePool(const OpSpec& op) {
  auto windows = WindowsOfPool(op);
  if (!windows.ok()) return windows.status();
  return Work{0, *windows + Elements(op.outputs[0])};
}

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

absl::StatusOr<Work> CostOfLrn(const OpSpec& op) {
  if (auto status = NeedTensors(op, 1, 1); !status.ok()) return status;
  if (auto status = NeedSameShape(op, 1); !status.ok()) return status;
  auto x = AsImage(op, op.inputs[0]);
  if (!x.ok()) return x.status();
  const int64_t size = IntArg(op, "size", 0);
  if (size < 1) return InvalidOp(op, "size is missing or below 1");
  // Caffe2 centres the window: (size - 1) / 2 channels before.
  auto windows = SumOfWindows(op, {x->channels, x->channels, size, 1, (size - 1) / 2});
  if (!windows.ok()) return windows.status();
  return Work{0, Elements(op.outputs[0]) * 5 + *windows * x->batch * Product(x->space)};
}

absl::StatusOr<Work> CostOfSpatialBn(const OpSpec& op) {
  if (auto status = NeedTensors(op, 5, 5); !status.ok()) return status;
  if (auto status = NeedSameShape(op, 1); !status.ok()) return status;
  auto x = AsImage(op, op.inputs[0]);
  if (!x.ok()) return x.status();
  for (size_t i = 1; i < 5; ++i) {
    if (op.inputs[i].dims != std::vector<int64_t>{x->channels}) {
      return InvalidOp(op, fmt::format("input {} is not one of {} values", i, x->channels));
    }
  }
  return Work{0, Elements(op.outputs[0]) * 2 + CheckedInt(x->channels) * 5};
}

absl::StatusOr<Work> CostOfSum(const OpSpec& op) {
  if (auto status = NeedTensors(op, 1, SIZE_MAX); !status.ok()) return status;
  if (auto status = NeedSameShape(op, op.inputs.size()); !status.ok()) return status;
  return Work{0, Elements(op.outputs[0]) * (static_cast<int64_t>(op.inputs.size()) - 1)};
}

// An operator with a fixed number of FLOPs per element of its first output.
template <int kFlops, size_t kLeast, size_t kMost>
absl::StatusOr<Work> CostPerElement(const OpSpec& op) {
  if (auto status = NeedTensors(op, kLeast, kMost); !status.ok()) return status;
  return Work{0, Elements(op.outputs[0]) * kFlops};
}

constexpr Rule kCopies = CostPerElement<0, 1, SIZE_MAX>;
constexpr Rule kFills = CostPerElement<0, 0, 1>;
constexpr Rule kBinary = CostPerElement<1, 2, 2>;

struct Row {
  std::string_view type;
  Rule rule;
  size_t learned_end = 1;  // inputs [1, learned_end) are learned
  size_t weights_end = 1;  // inputs [learned_end, weights_end) are running statistics
};

constexpr std::array kRows = {
    Row{"Conv", CostOfConv, 3, 3},
    Row{"FC", CostOfFc, 3, 3},
    Row{"MaxPool", CostOfMaxPool},
    Row{"AveragePool", CostOfAveragePool},
    Row{"LRN", CostOfLrn},
    Row{"SpatialBN", CostOfSpatialBn, 3, 5},
    Row{"Softmax", CostPerElement<5, 1, 1>},
    Row{"Sum", CostOfSum},
    Row{"Add", kBinary},
    Row{"Sub", kBinary},
    Row{"Mul", kBinary},
    Row{"Div", kBinary},
    Row{"Relu", CostPerElement<1, 1, 1>},
    Row{"Clip", CostPerElement<2, 1, 1>},
    Row{"Sigmoid", CostPerElement<4, 1, 1>},
    Row{"Concat", kCopies},
    Row{"Split", kCopies},
    Row{"Dropout", kCopies},
    Row{"Reshape", kCopies},
    Row{"Flatten", kCopies},
    Row{"Transpose", kCopies},
    Row{"ChannelShuffle", kCopies},
    Row{"Copy", kCopies},
    Row{"ConstantFill", kFills},
    Row{"GaussianFill", kFills},
    Row{"UniformFill", kFills},
    Row{"XavierFill", kFills},
    Row{"MSRAFill", kFills},
    Row{"GivenTensorFill", kFills},
};

bool MovesNothingInPlace(const OpSpec& op) {
  return op.in_place && (op.type == "Dropout" || op.type == "Reshape");
}

absl::StatusOr<OpCost> Finish(const OpSpec& op, const Row& row, const Work& work) {
  CheckedInt read(0), written(0), params(0), statistics(0), params_bytes(0);
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const CheckedInt elements = Elements(op.inputs[i]);
    const CheckedInt bytes = elements * op.inputs[i].element_size;
    read += bytes;
    if (i == 0 || i >= row.weights_end) continue;
    (i < row.learned_end ? params : statistics) += elements;
    params_bytes += bytes;
  }
  for (const OpTensor& output : op.outputs) written += Elements(output) * output.element_size;
  if (MovesNothingInPlace(op)) read = written = 0;
  for (const CheckedInt& count :
       {work.macs, work.flops, read, written, params, statistics, params_bytes}) {
    if (count.overflow()) {
      return absl::OutOfRangeError(fmt::format(
          "cost of a {} operator: a count does not fit in 64 bits; its shapes are not credible",
          op.type));
    }
  }
  return OpCost{work.macs.value(), work.flops.value(), read.value(),        written.value(),
                params.value(),    statistics.value(), params_bytes.value()};
}

absl::Status CheckTensors(const OpSpec& op) {
  for (const auto* tensors : {&op.inputs, &op.outputs}) {
    for (const OpTensor& tensor : *tensors) {
      const bool negative =
          std::any_of(tensor.dims.begin(), tensor.dims.end(), [](int64_t dim) { return dim < 0; });
      if (negative || tensor.element_size < 1) {
        return InvalidOp(op, fmt::format("a tensor of shape {} with {} bytes per element",
                                         FormatShape(tensor.dims), tensor.element_size));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OpCost> ComputeOpCost(const OpSpec& op) {
  const auto* row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.type == op.type; });
  if (row == kRows.end()) {
    return absl::NotFoundError(
        fmt::format("cost of a '{}' operator: the type has no formula here", op.type));
  }
  if (auto status = CheckTensors(op); !status.ok()) return status;
  auto work = row->rule(op);
  if (!work.ok()) return work.status();
  return Finish(op, *row, *work);
}

absl::StatusOr<OpCost> AddCosts(const OpCost& a, const OpCost& b) {
  OpCost sum;
  for (int64_t OpCost::*field :
       {&OpCost::macs, &OpCost::flops, &OpCost::bytes_read, &OpCost::bytes_written, &OpCost::params,
        &OpCost::statistics, &OpCost::params_bytes}) {
    const CheckedInt total = CheckedInt(a.*field) + b.*field;
    if (total.overflow()) {
      return absl::OutOfRangeError("sum of operator costs: it does not fit in 64 bits");
    }
    sum.*field = total.value();
  }
  return sum;
}

std::string FormatShape(const std::vector<int64_t>& dims) {
  return dims.empty() ? "scalar" : fmt::format("{}", fmt::join(dims, "x"));
}

absl::StatusOr<int64_t> CountElements(const std::vector<int64_t>& dims) {
  if (std::any_of(dims.begin(), dims.end(), [](int64_t dim) { return dim < 0; })) {
    return absl::InvalidArgumentError(
        fmt::format("shape {} has a negative dimension", FormatShape(dims)));
  }
  const CheckedInt product = Product(dims);
  if (product.overflow()) {
    return absl::OutOfRangeError(
        fmt::format("shape {} has more elements than 64 bits hold", FormatShape(dims)));
  }
  return product.value();
}

}  // namespace synergy
