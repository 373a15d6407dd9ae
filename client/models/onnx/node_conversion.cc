#include "client/models/onnx/node_conversion.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <utility>

#include "client/models/onnx/onnx_tensor.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {

using ::onnx::AttributeProto;

namespace {

constexpr size_t kShown = 80;  // bytes of a name in a text
constexpr size_t kMostDimensions = 64;
constexpr std::string_view kRemedy =
    "give the values of the inputs that it is made of (--input BLOB=FILE.npy), or export the model "
    "with constants";

}  // namespace

NodeConversion::NodeConversion(NetAssembly* net, const ::onnx::NodeProto& node, int64_t opset,
                               std::shared_ptr<const void> owner, std::vector<bool> output_used)
    : net_(net),
      node_(node),
      opset_(opset),
      owner_(std::move(owner)),
      output_used_(std::move(output_used)) {}

const std::string& NodeConversion::op_type() const { return node_.op_type(); }

void NodeConversion::Fail(absl::StatusCode code, std::string_view reason) {
  if (!status_.ok()) return;
  std::string name = node_.name();
  if (name.empty() && node_.output_size() > 0) name = node_.output(0);
  status_ = absl::Status(code, fmt::format("node '{}' ({}): {}", Printable(name, kShown),
                                           Printable(node_.op_type(), kShown), reason));
}

void NodeConversion::Refuse(std::string_view reason) {
  Fail(absl::StatusCode::kUnimplemented, reason);
}

void NodeConversion::RefuseUnknown(size_t i, std::string_view reason) {
  if (ok()) unknown_ = node_.input(static_cast<int>(i));
  Refuse(reason);
}

void NodeConversion::Reject(std::string_view reason) {
  Fail(absl::StatusCode::kInvalidArgument, reason);
}

size_t NodeConversion::input_count() const { return static_cast<size_t>(node_.input_size()); }
size_t NodeConversion::output_count() const { return static_cast<size_t>(node_.output_size()); }

bool NodeConversion::HasInput(size_t i) const {
  return i < input_count() && !node_.input(static_cast<int>(i)).empty();
}

bool NodeConversion::WantsOutput(size_t i) const {
  return i < output_used_.size() && output_used_[i];
}

NetValue NodeConversion::Input(size_t i) {
  if (!ok()) return {};
  if (!HasInput(i)) return Reject(fmt::format("lacks its input {}", i)), NetValue{};
  const std::string& name = node_.input(static_cast<int>(i));
  const NetValue* value = net_->Find(name);
  if (value == nullptr) {
    Reject(
        fmt::format("reads '{}', which is not made before it: the graph has a cycle, its nodes "
                    "are out of order, or the value is missing",
                    Printable(name, kShown)));
    return {};
  }
  return *value;
}

NetValue NodeConversion::Input(size_t i, const std::vector<v1::DataType>& types) {
  NetValue value = Input(i);
  if (!ok() || std::find(types.begin(), types.end(), value.type) != types.end()) return value;
  std::vector<std::string_view> names;
  for (const v1::DataType type : types) names.push_back(DataTypeName(type));
  Refuse(fmt::format("element type {} of input '{}': Caffe2 does this for {} alone",
                     DataTypeName(value.type), Printable(node_.input(static_cast<int>(i)), kShown),
                     fmt::join(names, ", ")));
  return {};
}

std::vector<int64_t> NodeConversion::KnownIntegers(size_t i, std::string_view what) {
  const NetValue value = Input(i);
  if (!ok()) return {};
  if (value.constant == nullptr) {
    RefuseUnknown(
        i, fmt::format("its {} '{}' is computed while the net runs, but a net for Caffe2 has fixed "
                       "shapes; {}",
                       what, Printable(value.blob, kShown), kRemedy));
    return {};
  }
  if (!IsInteger(value.type)) {
    return Reject(
               fmt::format("its {} is of type {}, not integers", what, DataTypeName(value.type))),
           std::vector<int64_t>{};
  }
  return IntegersOf(*value.constant);
}

std::vector<double> NodeConversion::KnownFloats(size_t i, std::string_view what) {
  const NetValue value = Input(i);
  if (!ok()) return {};
  if (value.constant == nullptr) {
    RefuseUnknown(
        i, fmt::format("its {} '{}' is computed while the net runs, but Caffe2 takes it as an "
                       "argument; {}",
                       what, Printable(value.blob, kShown), kRemedy));
    return {};
  }
  if (IsInteger(value.type)) {
    return Reject(fmt::format("its {} is of type {}, not real numbers", what,
                              DataTypeName(value.type))),
           std::vector<double>{};
  }
  return FloatsOf(*value.constant);
}

bool NodeConversion::HasAttribute(std::string_view name) const {
  return std::any_of(node_.attribute().begin(), node_.attribute().end(),
                     [&](const AttributeProto& attribute) { return attribute.name() == name; });
}

void NodeConversion::IgnoreAttribute(std::string_view name) { attributes_read_.emplace(name); }

const AttributeProto* NodeConversion::Find(std::string_view name, int type) {
  attributes_read_.emplace(name);
  if (!ok()) return nullptr;
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() != name) continue;
    if (!attribute.ref_attr_name().empty()) {
      return Refuse(fmt::format("its {} comes from a function's parameter", name)), nullptr;
    }
    // Old exporters leave the type out.
    if (attribute.type() != AttributeProto::UNDEFINED && attribute.type() != type) {
      return Reject(fmt::format("its {} has the wrong type", name)), nullptr;
    }
    return &attribute;
  }
  return nullptr;
}

int64_t NodeConversion::IntAttribute(std::string_view name, int64_t otherwise) {
  const AttributeProto* attribute = Find(name, AttributeProto::INT);
  return attribute != nullptr ? attribute->i() : otherwise;
}

double NodeConversion::FloatAttribute(std::string_view name, double otherwise) {
  const AttributeProto* attribute = Find(name, AttributeProto::FLOAT);
  return attribute != nullptr ? static_cast<double>(attribute->f()) : otherwise;
}

std::string NodeConversion::StringAttribute(std::string_view name, std::string_view otherwise) {
  const AttributeProto* attribute = Find(name, AttributeProto::STRING);
  return attribute != nullptr ? attribute->s() : std::string(otherwise);
}

std::vector<int64_t> NodeConversion::IntsAttribute(std::string_view name) {
  const AttributeProto* attribute = Find(name, AttributeProto::INTS);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<double> NodeConversion::FloatsAttribute(std::string_view name) {
  const AttributeProto* attribute = Find(name, AttributeProto::FLOATS);
  if (attribute == nullptr) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

std::optional<OnnxConstant> NodeConversion::TensorAttribute(std::string_view name) {
  const AttributeProto* attribute = Find(name, AttributeProto::TENSOR);
  if (attribute == nullptr) return std::nullopt;
  auto constant = ReadTensorUntrusted(attribute->t(), owner_, nullptr);
  if (!constant.ok()) {
    return Fail(constant.status().code(), std::string(constant.status().message())), std::nullopt;
  }
  return *std::move(constant);
}

void NodeConversion::CheckAttributes() {
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attributes_read_.contains(attribute.name())) continue;
    Refuse(fmt::format("attribute '{}' is not one that this operator has in opset {}",
                       Printable(attribute.name(), kShown), opset_));
  }
}

size_t NodeConversion::Axis(int64_t axis, size_t rank) {
  const auto signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    return Reject(fmt::format("axis {} of a tensor with {} dimensions", axis, rank)), size_t{0};
  }
  return static_cast<size_t>(axis < 0 ? axis + signed_rank : axis);
}

std::vector<size_t> NodeConversion::Axes(const std::vector<int64_t>& axes, size_t rank) {
  std::set<size_t> sorted;
  if (axes.size() > rank || rank > kMostDimensions) {
    return Reject(fmt::format("{} axes of a tensor with {} dimensions", axes.size(), rank)),
           std::vector<size_t>{};
  }
  for (const int64_t axis : axes) {
    if (!sorted.insert(Axis(axis, rank)).second) Reject(fmt::format("axis {} twice", axis));
    if (!ok()) return {};
  }
  return {sorted.begin(), sorted.end()};
}

std::string NodeConversion::InnerName() {
  return net_->FreshName(fmt::format("{}/{}", OutputName(0), ++inner_));
}

std::string NodeConversion::OutputName(size_t i) const {
  return i < output_count() ? node_.output(static_cast<int>(i)) : std::string();
}

std::vector<NetValue> NodeConversion::Add(const Caffe2Operator& op,
                                          const std::vector<NetValue>& inputs,
                                          const std::vector<std::string>& outputs) {
  if (!ok()) return std::vector<NetValue>(outputs.size());
  caffe2::OperatorDef def = op.def();
  def.set_name(node_.name().empty() ? OutputName(0) : node_.name());
  auto made = net_->AddOperator(std::move(def), inputs, outputs);
  if (!made.ok()) {
    Fail(made.status().code(),
         fmt::format("as Caffe2's {}: {}", op.def().type(), std::string(made.status().message())));
    return std::vector<NetValue>(outputs.size());
  }
  made->resize(outputs.size());
  return *std::move(made);
}

NetValue NodeConversion::Emit(const Caffe2Operator& op, const std::vector<NetValue>& inputs) {
  return Add(op, inputs, {InnerName()}).front();
}

NetValue NodeConversion::EmitWithExtra(const Caffe2Operator& op,
                                       const std::vector<NetValue>& inputs) {
  std::string name = InnerName();
  std::string extra = InnerName();
  return Add(op, inputs, {std::move(name), std::move(extra)}).front();
}

void NodeConversion::EmitResult(const Caffe2Operator& op, const std::vector<NetValue>& inputs,
                                size_t count, size_t more) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    names.push_back(OutputName(i).empty() ? InnerName() : OutputName(i));
  }
  for (size_t i = 0; i < more; ++i) names.push_back(InnerName());
  const std::vector<NetValue> made = Add(op, inputs, names);
  for (size_t i = 0; i < count; ++i) Bind(i, made[i]);
}

void NodeConversion::Bind(size_t i, NetValue value) {
  if (!ok() || OutputName(i).empty()) return;
  if (auto status = net_->Define(OutputName(i), std::move(value)); !status.ok()) {
    Reject(std::string(status.message()));
  }
}

NetValue NodeConversion::Constant(OnnxConstant constant) {
  if (ok() && !net_->Charge(constant)) {
    Refuse("constants that are computed from small ones outgrow 2 GiB");
  }
  return SharedConstant(std::move(constant));
}

NetValue NodeConversion::SharedConstant(OnnxConstant constant) {
  if (!ok()) return {};
  NetValue value;
  value.blob = InnerName();
  value.type = constant.type;
  value.dims = constant.dims;
  value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
  return value;
}

void NodeConversion::BindConstant(size_t i, OnnxConstant constant) {
  Bind(i, Constant(std::move(constant)));
}

}  // namespace synergy
