#include "client/models/given_weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "client/models/operator_shapes.h"
#include "client/models/shape_rules.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

absl::Status Wrong(const std::string& name, std::string_view what) {
  return absl::InvalidArgumentError(
      fmt::format("the weight '{}' {}; export the model again", Printable(name, 64), what));
}

template <class T>
std::string_view BytesOf(const google::protobuf::RepeatedField<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          sizeof(T) * static_cast<size_t>(values.size())};
}

// As elements of another type. Caffe2 refuses values that it would change.
template <class To, class From>
absl::StatusOr<std::string_view> Converted(const std::string& name,
                                           const google::protobuf::RepeatedField<From>& values,
                                           WeightStorage* storage) {
  std::string& bytes = storage->converted.emplace_back();
  bytes.resize(sizeof(To) * static_cast<size_t>(values.size()));
  char* at = bytes.data();
  for (const From value : values) {
    const To element = static_cast<To>(value);
    if (std::is_integral_v<To> && static_cast<From>(element) != value) {
      return Wrong(name, fmt::format("has the value {}, which its type does not hold", value));
    }
    std::memcpy(at, &element, sizeof(To));
    at += sizeof(To);
  }
  return bytes;
}

const caffe2::Argument* ValuesOf(const caffe2::OperatorDef& op) {
  for (const caffe2::Argument& arg : op.arg()) {
    if (arg.name() == "values") return &arg;
  }
  return nullptr;
}

absl::StatusOr<std::string_view> ValueBytes(const caffe2::OperatorDef& op, v1::DataType type,
                                            WeightStorage* storage) {
  const caffe2::Argument* values = ValuesOf(op);
  if (values == nullptr) return std::string_view();  // as many as its shape has: none
  const std::string& name = op.output(0);
  switch (type) {
    case v1::DATA_TYPE_FLOAT32:
      return BytesOf(values->floats());
    case v1::DATA_TYPE_FLOAT64:
      return Converted<double>(name, values->floats(), storage);
    case v1::DATA_TYPE_INT64:
      return BytesOf(values->ints());
    case v1::DATA_TYPE_INT32:
      return Converted<int32_t>(name, values->ints(), storage);
    default:
      return Converted<uint8_t>(name, values->ints(), storage);
  }
}

// The field that has as many elements as the shape, of those that may hold `type`; raw bytes fit
// every type.
absl::StatusOr<std::string_view> ProtoBytes(const caffe2::TensorProto& proto, v1::DataType type,
                                            uint64_t elements, WeightStorage* storage) {
  const auto full = [&](int size) { return size > 0 && static_cast<uint64_t>(size) == elements; };
  const uint64_t bytes = elements * ElementSize(type);
  if (type == v1::DATA_TYPE_FLOAT32 && full(proto.float_data_size())) {
    return BytesOf(proto.float_data());
  }
  if (type == v1::DATA_TYPE_FLOAT64 && full(proto.double_data_size())) {
    return BytesOf(proto.double_data());
  }
  if (type == v1::DATA_TYPE_INT64 && full(proto.int64_data_size())) {
    return BytesOf(proto.int64_data());
  }
  if (type == v1::DATA_TYPE_INT32 && full(proto.int32_data_size())) {
    return BytesOf(proto.int32_data());
  }
  if (ElementSize(type) == 1 && full(proto.int32_data_size())) {
    return Converted<uint8_t>(proto.name(), proto.int32_data(), storage);
  }
  if (ElementSize(type) == 1 && proto.byte_data().size() == bytes) return proto.byte_data();
  if (proto.raw_data().size() == bytes) return proto.raw_data();
  return Wrong(proto.name(), fmt::format("has not the {} values of its shape", elements));
}

}  // namespace

bool HoldsValues(const caffe2::OperatorDef& op) {
  constexpr std::array<std::string_view, 5> kTypes = {"GivenTensorFill", "GivenTensorDoubleFill",
                                                      "GivenTensorBoolFill", "GivenTensorIntFill",
                                                      "GivenTensorInt64Fill"};
  return op.input_size() == 0 && op.output_size() == 1 &&
         std::find(kTypes.begin(), kTypes.end(), op.type()) != kTypes.end();
}

absl::StatusOr<TensorView> GivenWeight(const caffe2::OperatorDef& op, WeightStorage* storage) {
  auto made = InferOperator(op, {});
  if (!made.ok()) {
    return Wrong(op.output(0), fmt::format("cannot be: {}", made.status().message().data()));
  }
  const BlobShape& blob = made->front();
  auto bytes = ValueBytes(op, blob.type, storage);
  if (!bytes.ok()) return bytes.status();
  return TensorView{blob.blob, blob.type, blob.dims, *bytes};
}

absl::StatusOr<TensorView> GivenWeight(const caffe2::TensorProto& proto, WeightStorage* storage) {
  const Dims dims(proto.dims().begin(), proto.dims().end());
  if (auto status = CheckBlobSize(dims); !status.ok()) {
    return Wrong(proto.name(), fmt::format("cannot be: {}", status.message().data()));
  }
  caffe2::OperatorDef cast;  // names the type in an error
  cast.set_type(fmt::format("weight '{}'", Printable(proto.name(), 64)));
  const std::vector<BlobShape> none;
  const KnownInts unknown;
  auto type = TypeOfCaffe2(OpCall(cast, none, unknown), proto.data_type());
  if (!type.ok()) return type.status();
  if (proto.has_segment()) return Wrong(proto.name(), "is a piece of a tensor");
  auto bytes = ProtoBytes(proto, *type, static_cast<uint64_t>(Volume(dims)), storage);
  if (!bytes.ok()) return bytes.status();
  return TensorView{proto.name(), *type, dims, *bytes};
}

}  // namespace synergy
