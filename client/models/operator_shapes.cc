#include "client/models/operator_shapes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "client/models/memory.h"
#include "client/models/shape_rules.h"
#include "common/nearest_name.h"
#include "common/op_spec.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr std::array kFamilies = {WindowOperators, MatrixOperators, ElementwiseOperators,
                                  LayoutOperators, SelectOperators, FillOperators};

const OperatorRow* FindRow(std::string_view type) {
  for (const auto family : kFamilies) {
    for (const OperatorRow& row : family()) {
      if (row.type == type) return &row;
    }
  }
  return nullptr;
}

absl::Status UnknownType(const std::string& type) {
  const std::string near = NearestName(type, KnownOperatorTypes());
  return absl::NotFoundError(
      fmt::format("the engines have no operator '{}'{}", Printable(type, 64),
                  near.empty() ? std::string() : fmt::format("; the nearest is '{}'", near)));
}

// What Caffe2's schema says of the operator.
absl::Status CheckForm(const OpCall& call, const OperatorRow& row) {
  const int inputs = call.op().input_size(), outputs = call.op().output_size();
  if (inputs < row.least_inputs || inputs > row.most_inputs) {
    return call.Wrong(fmt::format(
        "it has {} inputs, needs {}", inputs,
        row.least_inputs == row.most_inputs ? fmt::format("{}", row.least_inputs)
        : row.most_inputs == kAny           ? fmt::format("at least {}", row.least_inputs)
                                  : fmt::format("{} to {}", row.least_inputs, row.most_inputs)));
  }
  if (outputs < row.least_outputs || outputs > row.most_outputs) {
    return call.Wrong(
        fmt::format("it has {} outputs, needs at least {}{}", outputs, row.least_outputs,
                    row.most_outputs == kAny ? std::string()
                                             : fmt::format(" and at most {}", row.most_outputs)));
  }
  for (size_t i = 0; i < call.inputs(); ++i) {
    for (size_t o = 0; o < call.outputs(); ++o) {
      const size_t allowed = row.in_place == InPlace::kNo      ? 0
                             : row.in_place == InPlace::kFirst ? 1
                                                               : 2;
      if (call.Aliases(i, o) && (o > 0 || i >= allowed)) {
        return call.Wrong(fmt::format("Caffe2 cannot write output {} over input {} ('{}')", o, i,
                                      Printable(call.input(i).blob, 64)));
      }
    }
  }
  return absl::OkStatus();
}

// Caffe2 refuses two arguments of one name unless they are equal.
absl::Status CheckArguments(const OpCall& call) {
  std::map<std::string_view, const caffe2::Argument*> seen;
  for (const caffe2::Argument& arg : call.op().arg()) {
    auto [it, first] = seen.emplace(arg.name(), &arg);
    if (!first && it->second->SerializeAsString() != arg.SerializeAsString()) {
      return call.Wrong(fmt::format("two different arguments '{}'", Printable(arg.name(), 64)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNames(const OpCall& call) {
  std::map<std::string_view, int> outputs;
  for (const std::string& blob : call.op().output()) {
    if (blob.empty()) return call.Wrong("an output has no name");
    if (++outputs[blob] > 1) {
      return call.Wrong(fmt::format("it has the output '{}' twice", Printable(blob, 64)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> KnownOperatorTypes() {
  std::vector<std::string> types;
  for (const auto family : kFamilies) {
    for (const OperatorRow& row : family()) types.emplace_back(row.type);
  }
  std::sort(types.begin(), types.end());
  return types;
}

absl::Status CheckBlobSize(const std::vector<int64_t>& dims) {
  constexpr int64_t kMost = INT32_MAX;
  int64_t elements = 1;  // of the dimensions that are not 0, so that none is absurd
  bool fits = true;
  for (int64_t dim : dims) {
    fits = fits && dim >= 0 && dim <= kMost;
    if (fits && dim > 0) elements *= dim;
    fits = fits && elements <= kMost;
  }
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the shape {} has a negative dimension or more than {} elements, which Caffe2 "
                  "cannot index; choose a smaller batch or input",
                  FormatShape(dims), kMost));
}

absl::StatusOr<std::vector<BlobShape>> InferOperator(const caffe2::OperatorDef& op,
                                                     const std::vector<BlobShape>& inputs,
                                                     const KnownInts& known) {
  const OperatorRow* row = FindRow(op.type());
  if (row == nullptr) return UnknownType(op.type());
  const OpCall call(op, inputs, known);
  if (inputs.size() != static_cast<size_t>(op.input_size())) {
    return call.Wrong(fmt::format("{} shapes for {} inputs", inputs.size(), op.input_size()));
  }
  for (const BlobShape& input : inputs) {
    auto status = CheckBlobSize(input.dims);
    if (!status.ok()) return call.Wrong(status.message().data());
  }
  for (const auto check : {CheckArguments, CheckNames}) {
    if (auto status = check(call); !status.ok()) return status;
  }
  if (auto status = CheckForm(call, *row); !status.ok()) return status;
  auto outputs = row->rule(call);
  // A rule reads an argument's default where the argument is of another type.
  if (!call.status().ok()) return call.status();
  if (!outputs.ok()) return outputs.status();
  std::vector<BlobShape> shapes;
  for (size_t i = 0; i < call.outputs(); ++i) {
    Produced& made = (*outputs)[i];
    auto status = CheckBlobSize(made.dims);
    if (!status.ok()) return call.Wrong(status.message().data());
    shapes.push_back({op.output(static_cast<int>(i)), std::move(made.dims), made.type});
  }
  return shapes;
}

absl::StatusOr<Layer> MakeLayer(const caffe2::OperatorDef& op, const std::vector<BlobShape>& inputs,
                                const KnownInts& known) {
  auto outputs = InferOperator(op, inputs, known);
  if (!outputs.ok()) return outputs.status();
  Layer layer{op.name(), op.type(), inputs, *std::move(outputs), {}};
  OpSpec spec = OpSpecOf(op);
  const auto tensors = [](const std::vector<BlobShape>& blobs) {
    std::vector<OpTensor> list;
    for (const BlobShape& blob : blobs) {
      list.push_back({blob.dims, static_cast<int64_t>(ElementSize(blob.type))});
    }
    return list;
  };
  spec.inputs = tensors(layer.inputs);
  spec.outputs = tensors(layer.outputs);
  auto cost = ComputeOpCost(spec);
  if (!cost.ok()) return cost.status();
  layer.cost = *cost;
  return layer;
}

absl::Status SumUpLayers(Model* model) {
  model->total = {};
  model->macs_by_type.clear();
  for (const Layer& layer : model->layers) {
    auto total = AddCosts(model->total, layer.cost);
    if (!total.ok()) return total.status();
    model->total = *total;
    // No overflow: a type's share is at most the total.
    if (layer.cost.macs > 0) model->macs_by_type[layer.type] += layer.cost.macs;
  }
  auto memory = MeasureActivations(*model);
  if (!memory.ok()) return memory.status();
  model->activation_bytes = memory->all_bytes;
  model->peak_activation_bytes = memory->peak_bytes;
  return absl::OkStatus();
}

}  // namespace synergy
