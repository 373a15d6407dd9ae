#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/models/onnx/onnx_constant.h"

namespace onnx {
class TensorProto;
}

// Tensors as an ONNX file holds them, or another file beside it.
namespace synergy {

// Where a tensor's bytes are in another file, as onnx.proto's external_data says.
struct OnnxExternalBytes {
  std::string location;  // the file's path, from the model's folder
  uint64_t offset = 0;
  uint64_t length = 0;
  // SHA-1 of the whole file in lower-case hexadecimal digits; empty: the model gives none.
  std::string file_sha1 = {};
};

// Reads bytes of a file beside the model, whose SHA-1 must be the one that is given.
using ReadExternalBytes =
    std::function<absl::StatusOr<std::shared_ptr<const std::string>>(const OnnxExternalBytes&)>;

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

}  // namespace synergy
