#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tensor_pack.h"

namespace onnx {
class TensorProto;
}

// Tensors whose elements an ONNX file holds.
namespace synergy {

// Reads bytes of a file beside the model.
using ReadExternalBytes = std::function<absl::StatusOr<std::shared_ptr<const std::string>>(
    const std::string& location, uint64_t offset, uint64_t length)>;

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

// "float32" or "int64" for ONNX's number of an element type; "string", "complex64" for those that
// nothing here takes.
std::string OnnxTypeName(int32_t data_type);

// The type in which Caffe2 computes a value of ONNX's type: float16 and bfloat16 become float32.
// Unimplemented for types that Caffe2's operators lack.
absl::StatusOr<v1::DataType> FromOnnxType(int32_t data_type);

// Reads a tensor from an untrusted file: raw, typed or external data. The elements are not copied
// where they lie in `tensor` as Caffe2 wants them; `owner` keeps `tensor`. `read_external` may be
// empty: then external data are refused.
absl::StatusOr<OnnxConstant> ReadTensorUntrusted(const ::onnx::TensorProto& tensor,
                                                 std::shared_ptr<const void> owner,
                                                 const ReadExternalBytes& read_external);

// Makes a constant of elements.
OnnxConstant Int64Constant(std::vector<int64_t> dims, const std::vector<int64_t>& values);
OnnxConstant FloatConstant(std::vector<int64_t> dims, const std::vector<float>& values);

// Elements as numbers: all integer types and bool as int64, float32 and float64 as double.
bool IsInteger(v1::DataType type);
std::vector<int64_t> IntegersOf(const OnnxConstant& constant);
std::vector<double> FloatsOf(const OnnxConstant& constant);

}  // namespace synergy
