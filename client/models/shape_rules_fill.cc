// Fillers: operators that make a blob from arguments.
#include <algorithm>
#include <array>

#include "client/models/shape_rules.h"
#include "common/checked_int.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr auto kFloat = v1::DATA_TYPE_FLOAT32;

// FillerOp's shape: an argument, or the first input's shape or values.
absl::StatusOr<Dims> FilledShape(const OpCall& call) {
  Dims shape = call.Int64s("shape");
  const Dims extra = call.Ints("extra_shape");
  const bool by_values = call.Flag("input_as_shape", false);
  if (call.inputs() == 0) {
    if (!extra.empty() || by_values)
      return call.Wrong("extra_shape and input_as_shape need an input");
    return shape;
  }
  if (!shape.empty()) return call.Wrong("it has both an argument and an input for its shape");
  if (by_values) {
    if (auto status = call.NeedType(0, {v1::DATA_TYPE_INT64}); !status.ok()) return status;
    auto values = call.Values(0);
    if (!values || call.dims(0).size() != 1 || values->empty()) {
      return call.Unsure(
          fmt::format("its shape comes from the blob '{}', whose values are not known before the "
                      "run; give it as "
                      "the argument 'shape'",
                      call.input(0).blob));
    }
    shape = *std::move(values);
  } else {
    shape = call.dims(0);
  }
  shape.insert(shape.end(), extra.begin(), extra.end());
  return shape;
}

absl::StatusOr<Outputs> Filled(const OpCall& call, v1::DataType type) {
  auto shape = FilledShape(call);
  if (!shape.ok()) return shape.status();
  return Outputs{{*std::move(shape), type}};
}

absl::StatusOr<Outputs> FloatFill(const OpCall& call) { return Filled(call, kFloat); }

// By "dtype", or by the type of "value".
absl::StatusOr<Outputs> TypedFill(const OpCall& call) {
  int64_t type = call.Int("dtype", caffe2::TensorProto_DataType_FLOAT);
  if (!call.Has("dtype") && call.Has("value")) {
    for (const caffe2::Argument& arg : call.op().arg()) {
      if (arg.name() != "value" || arg.has_f()) continue;
      if (!arg.has_i()) return call.Unsure("a value that is neither a float nor an integer");
      type = caffe2::TensorProto_DataType_INT64;
    }
  }
  auto known = TypeOfCaffe2(call, type);
  if (!known.ok()) return known.status();
  return Filled(call, *known);
}

absl::StatusOr<Outputs> ConstantFill(const OpCall& call) {
  if (call.inputs() == 2) return call.Unsure("a value from another blob");
  return TypedFill(call);
}

absl::StatusOr<Outputs> DiagonalFill(const OpCall& call) {
  auto outputs = TypedFill(call);
  if (!outputs.ok()) return outputs;
  const Dims& y = outputs->front().dims;
  if (y.size() < 2 || (y.size() > 2 && std::count(y.begin(), y.end(), y[0]) !=
                                           static_cast<std::ptrdiff_t>(y.size()))) {
    return call.Wrong(fmt::format("{} has no diagonal", FormatShape(y)));
  }
  return outputs;
}

absl::StatusOr<Outputs> UniformFill(const OpCall& call) {
  if (call.inputs() == 3) return call.Unsure("limits from other blobs");
  const bool ints = call.op().type() == "UniformIntFill";
  const double low = ints ? static_cast<double>(call.Int("min", 0)) : call.Float("min", 0);
  const double high = ints ? static_cast<double>(call.Int("max", 1)) : call.Float("max", 1);
  if (!(low < high)) return call.Wrong(fmt::format("min {} is not below max {}", low, high));
  return Filled(call, ints ? v1::DATA_TYPE_INT32 : kFloat);
}

// XavierFill divides by the first dimension, MSRAFill by the second.
absl::StatusOr<Outputs> FanFill(const OpCall& call) {
  auto outputs = FloatFill(call);
  if (!outputs.ok()) return outputs;
  const size_t divisor = call.op().type() == "XavierFill" ? 0 : 1;
  const Dims& y = outputs->front().dims;
  if (y.size() <= divisor || Volume(y) == 0) {
    return call.Wrong(fmt::format("{} has no dimension {} to divide by", FormatShape(y), divisor));
  }
  return outputs;
}

struct GivenType {
  std::string_view type;
  v1::DataType data;
};
constexpr std::array kGiven = {
    GivenType{"GivenTensorDoubleFill", v1::DATA_TYPE_FLOAT64},
    GivenType{"GivenTensorBoolFill", v1::DATA_TYPE_BOOL},
    GivenType{"GivenTensorIntFill", v1::DATA_TYPE_INT32},
    GivenType{"GivenTensorInt64Fill", v1::DATA_TYPE_INT64},
};

absl::StatusOr<Outputs> GivenFill(const OpCall& call) {
  absl::StatusOr<v1::DataType> type = kFloat;
  for (const GivenType& given : kGiven) {
    if (given.type == call.op().type()) type = given.data;
  }
  if (call.op().type() == "GivenTensorFill" && call.Has("dtype")) {
    type = TypeOfCaffe2(call, call.Int("dtype", 0));
    if (type.ok() && *type == v1::DATA_TYPE_UINT8) return call.Wrong("it makes no uint8");
  }
  if (!type.ok()) return type.status();
  auto outputs = Filled(call, *type);
  if (!outputs.ok()) return outputs;
  const bool floats = *type == kFloat || *type == v1::DATA_TYPE_FLOAT64;
  int64_t given = 0;
  for (const caffe2::Argument& arg : call.op().arg()) {
    if (arg.name() == "values") given = floats ? arg.floats_size() : arg.ints_size();
  }
  const Dims& y = outputs->front().dims;
  CheckedInt wanted(1);
  for (int64_t dim : y) wanted *= dim;
  if (wanted.overflow() || wanted.value() != given) {
    return call.Wrong(fmt::format("{} values for the shape {}", given, FormatShape(y)));
  }
  return outputs;
}

constexpr OperatorRow Row(std::string_view type, int most_inputs, ShapeRule rule) {
  return {type, 0, most_inputs, 1, 1, InPlace::kFirst, rule};
}

constexpr std::array kRows = {
    Row("ConstantFill", 2, ConstantFill),
    Row("DiagonalFill", 1, DiagonalFill),
    Row("GaussianFill", 1, FloatFill),
    Row("RangeFill", 1, FloatFill),
    Row("UniformFill", 3, UniformFill),
    Row("UniformIntFill", 3, UniformFill),
    Row("XavierFill", 1, FanFill),
    Row("MSRAFill", 1, FanFill),
    Row("GivenTensorFill", 1, GivenFill),
    Row("GivenTensorDoubleFill", 1, GivenFill),
    Row("GivenTensorBoolFill", 1, GivenFill),
    Row("GivenTensorIntFill", 1, GivenFill),
    Row("GivenTensorInt64Fill", 1, GivenFill),
};

}  // namespace

std::span<const OperatorRow> FillOperators() { return kRows; }

}  // namespace synergy
