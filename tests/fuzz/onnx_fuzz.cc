// Bytes that call themselves an ONNX model: what is converted is a whole model whose operators,
// with their shapes, stand in the net, and whose weights have the bytes that their shapes need.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "client/models/onnx/onnx_converter.h"

namespace synergy {
namespace {

void Require(bool fact) {
  if (!fact) std::abort();
}

void Onnx(std::string_view file) {
  OnnxOptions options;
  options.read_external =
      [](const OnnxExternalBytes& wanted) -> absl::StatusOr<std::shared_ptr<const std::string>> {
    if (wanted.length > 1 << 16) return absl::InvalidArgumentError("no such file");
    return std::make_shared<const std::string>(wanted.length, '\1');
  };
  const auto model = ConvertOnnxUntrusted("fuzz", file, options);
  if (!model.ok()) {
    Require(model.status().message().find('\n') == absl::string_view::npos);
    return;
  }
  Require(static_cast<size_t>(model->predict.op_size()) == model->layers.size());
  Require(!model->outputs.empty() && model->predict.op_size() > 0);
  uint64_t sum = 0;  // touches every weight: they must be alive
  for (const TensorView& weight : model->weights) {
    const auto count = ElementCount(weight.dims);
    Require(count.ok());
    Require(static_cast<uint64_t>(*count) * ElementSize(weight.type) == weight.bytes.size());
    for (const char byte : weight.bytes) sum += static_cast<unsigned char>(byte);
  }
  Require(sum < UINT64_MAX);
}

}  // namespace
}  // namespace synergy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  synergy::Onnx({reinterpret_cast<const char*>(data), size});
  return 0;
}
