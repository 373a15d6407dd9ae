#include "common/op_cost.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "common/checked_int.h"
#include "common/op_args.h"
#include "common/op_cost_rules.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

CheckedInt Product(const std::vector<int64_t>& dims) { return Elements({dims}); }

using Rule = absl::StatusOr<OpWork> (*)(const OpSpec&);

// An operator with a fixed number of FLOPs per element of its first output.
template <int kFlops, size_t kLeast, size_t kMost>
absl::StatusOr<OpWork> CostPerElement(const OpSpec& op) {
  if (auto status = NeedTensors(op, kLeast, kMost); !status.ok()) return status;
  return OpWork{0, Elements(op.outputs[0]) * kFlops};
}

template <int kFlops>
constexpr Rule kUnary = CostPerElement<kFlops, 1, 1>;
constexpr Rule kCopies = CostPerElement<0, 1, SIZE_MAX>;
constexpr Rule kFills = CostPerElement<0, 0, 3>;
constexpr Rule kBinary = CostPerElement<1, 2, 2>;

struct Row {
  std::string_view type;
  Rule rule;
  size_t learned_end = 1;  // inputs [1, learned_end) are learned
  size_t weights_end = 1;  // inputs [learned_end, weights_end) are running statistics
};

constexpr std::array kRows = {
    Row{"Conv", CostOfConv, 3, 3},
    Row{"Conv1D", CostOfConv, 3, 3},
    Row{"Conv2D", CostOfConv, 3, 3},
    Row{"Conv3D", CostOfConv, 3, 3},
    Row{"ConvTranspose", CostOfConvTranspose, 3, 3},
    Row{"FC", CostOfFc, 3, 3},
    Row{"FCTransposed", CostOfFcTransposed, 3, 3},
    Row{"MatMul", CostOfMatMul},
    Row{"BatchMatMul", CostOfMatMul},
    Row{"MaxPool", CostOfMaxPool},
    Row{"MaxPool1D", CostOfMaxPool},
    Row{"MaxPool2D", CostOfMaxPool},
    Row{"MaxPool3D", CostOfMaxPool},
    Row{"AveragePool", CostOfAveragePool},
    Row{"AveragePool1D", CostOfAveragePool},
    Row{"AveragePool2D", CostOfAveragePool},
    Row{"AveragePool3D", CostOfAveragePool},
    Row{"LRN", CostOfLrn},
    Row{"SpatialBN", CostOfSpatialBn, 3, 5},
    Row{"InstanceNorm", CostOfInstanceNorm, 3, 3},
    Row{"AffineChannel", CostPerElement<2, 3, 3>, 3, 3},
    Row{"Softmax", kUnary<5>},
    Row{"Sum", CostOfSum},
    Row{"Max", CostOfSum},
    Row{"Min", CostOfSum},
    Row{"Mean", CostOfMean},
    Row{"Add", kBinary},
    Row{"Sub", kBinary},
    Row{"Mul", kBinary},
    Row{"Div", kBinary},
    Row{"LT", kBinary},
    Row{"LE", kBinary},
    Row{"GT", kBinary},
    Row{"GE", kBinary},
    Row{"EQ", kBinary},
    Row{"NE", kBinary},
    Row{"Pow", CostPerElement<1, 1, 2>},
    Row{"ReduceMean", CostOfReduction},
    Row{"ReduceSum", CostOfReduction},
    Row{"ReduceMax", CostOfReduction},
    Row{"ReduceMin", CostOfReduction},
    Row{"ReduceL1", CostOfReduction},
    Row{"ReduceL2", CostOfReduction},
    Row{"PRelu", CostPerElement<2, 2, 2>, 2, 2},
    Row{"Relu", kUnary<1>},
    Row{"Abs", kUnary<1>},
    Row{"Negative", kUnary<1>},
    Row{"Exp", kUnary<1>},
    Row{"Log", kUnary<1>},
    Row{"Sqr", kUnary<1>},
    Row{"Sqrt", kUnary<1>},
    Row{"Reciprocal", kUnary<1>},
    Row{"Floor", kUnary<1>},
    Row{"Ceil", kUnary<1>},
    Row{"LeakyRelu", kUnary<2>},
    Row{"Clip", kUnary<2>},
    Row{"Sign", kUnary<2>},
    Row{"Softplus", kUnary<3>},
    Row{"Softsign", kUnary<3>},
    Row{"Sigmoid", kUnary<4>},
    Row{"HardSigmoid", kUnary<4>},
    Row{"Elu", kUnary<4>},
    Row{"Tanh", kUnary<5>},
    Row{"Swish", kUnary<5>},
    Row{"UpsampleBilinear", CostPerElement<11, 1, 2>},
    Row{"Concat", kCopies},
    Row{"DepthConcat", kCopies},
    Row{"Split", kCopies},
    Row{"DepthSplit", kCopies},
    Row{"SplitByLengths", kCopies},
    Row{"Dropout", kCopies},
    Row{"Reshape", kCopies},
    Row{"Flatten", kCopies},
    Row{"Transpose", kCopies},
    Row{"ExpandDims", kCopies},
    Row{"Squeeze", kCopies},
    Row{"ChannelShuffle", kCopies},
    Row{"PadImage", kCopies},
    Row{"Copy", kCopies},
    Row{"CopyFromCPUInput", kCopies},
    Row{"CopyOnDeviceLike", kCopies},
    Row{"Cast", kCopies},
    Row{"Slice", kCopies},
    Row{"Gather", kCopies},
    Row{"Tile", kCopies},
    Row{"Expand", kCopies},
    Row{"ResizeNearest", kCopies},
    Row{"NCHW2NHWC", kCopies},
    Row{"NHWC2NCHW", kCopies},
    Row{"And", kCopies},
    Row{"Or", kCopies},
    Row{"Xor", kCopies},
    Row{"Not", kCopies},
    Row{"BitwiseAnd", kCopies},
    Row{"BitwiseOr", kCopies},
    Row{"BitwiseXor", kCopies},
    Row{"ConstantFill", kFills},
    Row{"DiagonalFill", kFills},
    Row{"GaussianFill", kFills},
    Row{"RangeFill", kFills},
    Row{"UniformFill", kFills},
    Row{"UniformIntFill", kFills},
    Row{"XavierFill", kFills},
    Row{"MSRAFill", kFills},
    Row{"GivenTensorFill", kFills},
    Row{"GivenTensorDoubleFill", kFills},
    Row{"GivenTensorBoolFill", kFills},
    Row{"GivenTensorIntFill", kFills},
    Row{"GivenTensorInt64Fill", kFills},
};

bool MovesNothingInPlace(const OpSpec& op) {
  constexpr std::array kIdle = {"Dropout", "Reshape", "ExpandDims", "Squeeze"};
  return op.in_place && std::find(kIdle.begin(), kIdle.end(), op.type) != kIdle.end();
}

absl::StatusOr<OpCost> Finish(const OpSpec& op, const Row& row, const OpWork& work) {
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
