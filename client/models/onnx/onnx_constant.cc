#include "client/models/onnx/onnx_constant.h"

#include <cstring>
#include <limits>
#include <utility>

#include "fmt/format.h"

namespace synergy {
namespace {

template <class From, class To>
std::vector<To> Convert(std::string_view bytes) {
  std::vector<To> values(bytes.size() / sizeof(From));
  for (size_t i = 0; i < values.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    values[i] = static_cast<To>(value);
  }
  return values;
}

}  // namespace

absl::StatusOr<int64_t> ElementCount(const std::vector<int64_t>& dims) {
  constexpr size_t kMostDimensions = 64;
  if (dims.size() > kMostDimensions) {
    return absl::InvalidArgumentError(
        fmt::format("{} dimensions; no tensor has more than {}", dims.size(), kMostDimensions));
  }
  int64_t count = 1;
  bool zero = false;
  for (const int64_t dim : dims) {
    if (dim < 0) return absl::InvalidArgumentError(fmt::format("a dimension of {}", dim));
    if (dim == 0) zero = true;
    if (dim > 0 && (dim > std::numeric_limits<int32_t>::max() ||
                    (count *= dim) > std::numeric_limits<int32_t>::max())) {
      return absl::InvalidArgumentError(
          fmt::format("the dimensions {}: more than the {} elements that Caffe2 indexes",
                      fmt::join(dims, " x "), std::numeric_limits<int32_t>::max()));
    }
  }
  return zero ? 0 : count;
}

OnnxConstant Int64Constant(std::vector<int64_t> dims, const std::vector<int64_t>& values) {
  OnnxConstant constant{v1::DATA_TYPE_INT64, std::move(dims), {}, nullptr};
  SetElements(values, &constant);
  return constant;
}

OnnxConstant FloatConstant(std::vector<int64_t> dims, const std::vector<float>& values) {
  OnnxConstant constant{v1::DATA_TYPE_FLOAT32, std::move(dims), {}, nullptr};
  SetElements(values, &constant);
  return constant;
}

bool IsInteger(v1::DataType type) {
  return type != v1::DATA_TYPE_FLOAT32 && type != v1::DATA_TYPE_FLOAT64;
}

std::vector<int64_t> IntegersOf(const OnnxConstant& constant) {
  switch (constant.type) {
    case v1::DATA_TYPE_INT64:
      return Convert<int64_t, int64_t>(constant.bytes);
    case v1::DATA_TYPE_INT32:
      return Convert<int32_t, int64_t>(constant.bytes);
    case v1::DATA_TYPE_UINT8:
    case v1::DATA_TYPE_BOOL:
      return Convert<uint8_t, int64_t>(constant.bytes);
    default:
      return {};
  }
}

std::vector<double> FloatsOf(const OnnxConstant& constant) {
  if (constant.type == v1::DATA_TYPE_FLOAT32) return Convert<float, double>(constant.bytes);
  if (constant.type == v1::DATA_TYPE_FLOAT64) return Convert<double, double>(constant.bytes);
  return {};
}

}  // namespace synergy
