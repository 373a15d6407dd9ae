#include "client/models/onnx/net_assembly.h"

#include <utility>

#include "client/models/operator_shapes.h"
#include "fmt/format.h"

namespace synergy {

namespace {

constexpr int64_t kMostKnown = 64;  // more integers are no shape
constexpr uint64_t kMostComputedBytes = uint64_t{2} << 30;
constexpr uint64_t kPerConstant = 256;

}  // namespace

NetAssembly::NetAssembly(std::string name)
    : owners_(std::make_shared<std::vector<std::shared_ptr<const OnnxConstant>>>()) {
  model_.name = std::move(name);
  model_.predict.set_name(model_.name);
  model_.init.set_name(model_.name + "_init");
}

std::string NetAssembly::FreshName(const std::string& base) {
  std::string name = base;
  for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

absl::Status NetAssembly::Define(const std::string& name, NetValue value) {
  if (!values_.emplace(name, std::move(value)).second) {
    return absl::InvalidArgumentError(fmt::format("'{}' is made twice", name));
  }
  return absl::OkStatus();
}

const NetValue* NetAssembly::Find(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

absl::Status NetAssembly::AddInput(const std::string& name, v1::DataType type,
                                   std::vector<int64_t> dims) {
  model_.inputs.push_back({name, dims, type});
  model_.predict.add_external_input(name);
  return Define(name, {name, type, std::move(dims), nullptr});
}

bool NetAssembly::Charge(const OnnxConstant& constant) {
  computed_bytes_ += constant.bytes.size() + kPerConstant;
  return computed_bytes_ <= kMostComputedBytes;
}

void NetAssembly::AddWeight(const NetValue& value) {
  if (!weights_.insert(value.blob).second) return;
  model_.weights.push_back(
      {value.blob, value.constant->type, value.constant->dims, value.constant->bytes});
  owners_->push_back(value.constant);
}

absl::StatusOr<std::vector<NetValue>> NetAssembly::AddOperator(
    caffe2::OperatorDef op, const std::vector<NetValue>& inputs,
    const std::vector<std::string>& outputs) {
  std::vector<BlobShape> shapes;
  KnownInts known;
  for (const NetValue& input : inputs) {
    op.add_input(input.blob);
    shapes.push_back({input.blob, input.dims, input.type});
    if (input.constant != nullptr && IsInteger(input.type) &&
        ElementCount(input.dims).value_or(kMostKnown + 1) <= kMostKnown) {
      known[input.blob] = IntegersOf(*input.constant);
    }
  }
  for (const std::string& output : outputs) {
    op.add_output(output);
    written_.insert(output);
  }
  const std::string label = op.name();
  for (int i = 2; !operator_names_.insert(op.name()).second; ++i) {
    op.set_name(fmt::format("{}/{}", label, i));
  }
  auto made = InferOperator(op, shapes, known);
  if (!made.ok()) return made.status();
  for (const NetValue& input : inputs) {
    if (input.constant != nullptr) AddWeight(input);
  }
  *model_.predict.add_op() = std::move(op);
  std::vector<NetValue> values;
  for (BlobShape& shape : *made) {
    values.push_back({shape.blob, shape.type, std::move(shape.dims), nullptr});
  }
  return values;
}

absl::Status NetAssembly::AddOutput(const std::string& name) {
  const NetValue* value = Find(name);
  if (value == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("the graph's output '{}' is made by no node", name));
  }
  model_.outputs.push_back(name);
  model_.predict.add_external_output(name);
  if (written_.contains(name)) return absl::OkStatus();
  if (value->blob == name) {
    return absl::UnimplementedError(
        fmt::format("the graph's output '{}' is an input or an initializer as well: in Caffe2, "
                    "outputs are what operators write",
                    name));
  }
  caffe2::OperatorDef copy;
  copy.set_type("Copy");
  copy.set_name(name);
  return AddOperator(std::move(copy), {*value}, {name}).status();
}

absl::StatusOr<Model> NetAssembly::Finish() {
  for (const TensorView& weight : model_.weights) {
    model_.predict.add_external_input(weight.name);
  }
  model_.weights_owner = std::move(owners_);
  if (auto status = CompleteModel(&model_); !status.ok()) return status;
  return std::move(model_);
}

}  // namespace synergy
