#include <algorithm>
#include <limits>

#include "client/models/shape_rules.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {

OpCall::OpCall(const caffe2::OperatorDef& op, const std::vector<BlobShape>& inputs,
               const KnownInts& known)
    : op_(op), inputs_(inputs), known_(known) {}

std::optional<Dims> OpCall::Values(size_t i) const {
  auto it = known_.find(inputs_[i].blob);
  if (it == known_.end() || Volume(inputs_[i].dims) != static_cast<int64_t>(it->second.size())) {
    return std::nullopt;
  }
  return it->second;
}

bool OpCall::Aliases(size_t i, size_t o) const {
  return i < inputs() && o < outputs() &&
         op_.input(static_cast<int>(i)) == op_.output(static_cast<int>(o));
}

const caffe2::Argument* OpCall::Find(std::string_view name) const {
  // Caffe2 takes the last of several equal ones, and refuses different ones (checked once, before
  // any rule is asked).
  for (const caffe2::Argument& arg : op_.arg()) {
    if (arg.name() == name) return &arg;
  }
  return nullptr;
}

void OpCall::Remember(absl::Status status) const {
  if (status_.ok()) status_ = std::move(status);
}

bool OpCall::Has(std::string_view name) const { return Find(name) != nullptr; }

int64_t OpCall::Int64(std::string_view name, int64_t otherwise) const {
  const caffe2::Argument* arg = Find(name);
  if (arg == nullptr) return otherwise;
  if (arg->has_i()) return arg->i();
  Remember(Wrong(fmt::format("the argument '{}' is not an integer", name)));
  return otherwise;
}

int64_t OpCall::Int(std::string_view name, int64_t otherwise) const {
  const int64_t value = Int64(name, otherwise);
  if (value == static_cast<int32_t>(value)) return value;
  Remember(Wrong(fmt::format("the argument '{}' is {}, beyond 32 bits", name, value)));
  return otherwise;
}

double OpCall::Float(std::string_view name, double otherwise) const {
  const caffe2::Argument* arg = Find(name);
  if (arg == nullptr) return otherwise;
  if (arg->has_f()) return static_cast<double>(arg->f());
  Remember(Wrong(fmt::format("the argument '{}' is not a floating-point number", name)));
  return otherwise;
}

bool OpCall::Flag(std::string_view name, bool otherwise) const {
  return Int64(name, otherwise ? 1 : 0) != 0;
}

std::string OpCall::Text(std::string_view name, std::string_view otherwise) const {
  const caffe2::Argument* arg = Find(name);
  if (arg == nullptr) return std::string(otherwise);
  if (arg->has_s()) return arg->s();
  Remember(Wrong(fmt::format("the argument '{}' is not a string", name)));
  return std::string(otherwise);
}

Dims OpCall::List(std::string_view name, bool narrow) const {
  const caffe2::Argument* arg = Find(name);
  if (arg == nullptr) return {};
  for (int64_t value : arg->ints()) {
    if (narrow && value != static_cast<int32_t>(value)) {
      Remember(Wrong(fmt::format("the argument '{}' has {}, beyond 32 bits", name, value)));
      return {};
    }
  }
  return {arg->ints().begin(), arg->ints().end()};
}

Dims OpCall::Ints(std::string_view name) const { return List(name, true); }
Dims OpCall::Int64s(std::string_view name) const { return List(name, false); }

std::vector<float> OpCall::Floats(std::string_view name) const {
  const caffe2::Argument* arg = Find(name);
  if (arg == nullptr) return {};
  return {arg->floats().begin(), arg->floats().end()};
}

bool OpCall::ChannelsLast() const {
  const std::string order = Text("order", "NCHW");
  if (order != "NCHW" && order != "NHWC") {
    Remember(Wrong(fmt::format("order '{}' is neither NCHW nor NHWC", Printable(order, 32))));
  }
  return order == "NHWC";
}

absl::Status OpCall::Wrong(std::string_view what) const {
  return absl::InvalidArgumentError(fmt::format("{}: {}", op_.type(), what));
}

absl::Status OpCall::Unsure(std::string_view what) const {
  return absl::UnimplementedError(fmt::format("{}: {}", op_.type(), what));
}

absl::Status OpCall::NeedType(size_t i, std::initializer_list<v1::DataType> types) const {
  if (std::find(types.begin(), types.end(), type(i)) != types.end()) return absl::OkStatus();
  std::vector<std::string_view> names;
  for (v1::DataType wanted : types) names.push_back(DataTypeName(wanted));
  return Wrong(fmt::format("input {} '{}' is {}, needs {}", i, Printable(input(i).blob, 64),
                           DataTypeName(type(i)), fmt::join(names, " or ")));
}

absl::Status OpCall::NeedFloats() const {
  for (size_t i = 0; i < inputs(); ++i) {
    if (auto status = NeedType(i, {v1::DATA_TYPE_FLOAT32}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status OpCall::NeedElements(size_t i, int64_t count) const {
  if (Volume(dims(i)) == count) return absl::OkStatus();
  return Wrong(fmt::format("input {} '{}' is {}, needs {} values", i, Printable(input(i).blob, 64),
                           FormatShape(dims(i)), count));
}

absl::StatusOr<int64_t> OpCall::Axis(int64_t axis, size_t rank) const {
  const auto n = static_cast<int64_t>(rank);
  if (axis >= -n && axis < n) return axis < 0 ? axis + n : axis;
  return Wrong(fmt::format("axis {} of a tensor with {} dimensions", axis, n));
}

int64_t Volume(const Dims& dims, size_t begin, size_t end) {
  int64_t volume = 1;
  for (size_t i = begin; i < std::min(end, dims.size()); ++i) volume *= dims[i];
  return volume;
}

absl::StatusOr<v1::DataType> TypeOfCaffe2(const OpCall& call, int64_t type) {
  switch (type) {
    case caffe2::TensorProto_DataType_FLOAT:
      return v1::DATA_TYPE_FLOAT32;
    case caffe2::TensorProto_DataType_INT32:
      return v1::DATA_TYPE_INT32;
    case caffe2::TensorProto_DataType_INT64:
      return v1::DATA_TYPE_INT64;
    case caffe2::TensorProto_DataType_UINT8:
      return v1::DATA_TYPE_UINT8;
    case caffe2::TensorProto_DataType_BOOL:
      return v1::DATA_TYPE_BOOL;
    case caffe2::TensorProto_DataType_DOUBLE:
      return v1::DATA_TYPE_FLOAT64;
    default:
      return call.Unsure(fmt::format(
          "elements of Caffe2's type {} cannot be sent; there are float, double, int32, int64, "
          "uint8 and bool",
          type));
  }
}

absl::StatusOr<Dims> KnownValues(const OpCall& call, size_t i, std::string_view what) {
  auto values = call.Values(i);
  if (values) return *std::move(values);
  return call.Unsure(fmt::format(
      "its {} come from the blob '{}', whose values are not known before the run; give them as an "
      "argument or by a GivenTensorIntFill of the init net",
      what, call.input(i).blob));
}

absl::StatusOr<Outputs> SameAsFirst(const OpCall& call) {
  return Outputs{{call.dims(0), call.type(0)}};
}

}  // namespace synergy
