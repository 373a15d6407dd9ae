#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tensor_pack.h"

// Tensors whose elements are known when a net is converted.
namespace synergy {

// Elements row-major and little-endian, in memory that `owner` keeps.
struct OnnxConstant {
  v1::DataType type = v1::DATA_TYPE_FLOAT32;
  std::vector<int64_t> dims;
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

// Number of elements, or InvalidArgument: more than 64 dimensions, a negative one, or more elements
// than Caffe2 can index (2^31 - 1).
absl::StatusOr<int64_t> ElementCount(const std::vector<int64_t>& dims);

// Gives the constant a copy of numbers of its type.
template <class T>
void SetElements(const std::vector<T>& values, OnnxConstant* constant) {
  auto bytes = std::make_shared<std::string>();
  if (!values.empty()) {
    bytes->assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  constant->bytes = *bytes;
  constant->owner = std::move(bytes);
}

// Makes a constant of elements.
OnnxConstant Int64Constant(std::vector<int64_t> dims, const std::vector<int64_t>& values);
OnnxConstant FloatConstant(std::vector<int64_t> dims, const std::vector<float>& values);

// Elements as numbers: all integer types and bool as int64, float32 and float64 as double.
bool IsInteger(v1::DataType type);
std::vector<int64_t> IntegersOf(const OnnxConstant& constant);
std::vector<double> FloatsOf(const OnnxConstant& constant);

}  // namespace synergy
