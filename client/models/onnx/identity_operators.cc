// Operators that hand their input on, perhaps as another type.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/models/onnx/fold.h"
#include "client/models/onnx/onnx_tensor.h"
#include "client/models/onnx/operator_rows.h"
#include "fmt/format.h"

namespace synergy {

void ConvertCast(NodeConversion& node) {
  using ::onnx::TensorProto;
  const NetValue x = node.Input(0);
  const auto wanted = static_cast<int32_t>(node.IntAttribute("to", 0));
  if (!node.ok()) return;
  const std::map<int32_t, int64_t> types = {
      {TensorProto::FLOAT, caffe2::TensorProto::FLOAT},
      {TensorProto::DOUBLE, caffe2::TensorProto::DOUBLE},
      {TensorProto::INT32, caffe2::TensorProto::INT32},
      {TensorProto::INT64, caffe2::TensorProto::INT64},
      {TensorProto::UINT8, caffe2::TensorProto::UINT8},
      {TensorProto::BOOL, caffe2::TensorProto::BOOL},
  };
  const auto found = types.find(wanted);
  if (found == types.end()) {
    return node.Refuse(
        fmt::format("to element type {}, which Caffe2's operators lack", OnnxTypeName(wanted)));
  }
  if (FromOnnxType(wanted).value_or(v1::DATA_TYPE_UNSPECIFIED) == x.type) return node.Bind(0, x);
  if (IsFoldable(x)) return node.BindConstant(0, CastTo(*x.constant, *FromOnnxType(wanted)));
  node.EmitResult(Caffe2Operator("Cast").Int("to", found->second), {x});
}

void ConvertIdentity(NodeConversion& node) { node.Bind(0, node.Input(0)); }

namespace {

bool DropsNothing(NodeConversion& node) {
  if (!node.HasInput(1) || node.Input(1).constant == nullptr) return false;
  const std::vector<double> ratio = node.KnownFloats(1, "ratio");
  return ratio.size() == 1 && ratio[0] == 0;
}

}  // namespace

// Nothing is dropped in inference, so no operator is left.
void ConvertDropout(NodeConversion& node) {
  const NetValue x = node.Input(0);
  node.IgnoreAttribute("ratio");
  node.IgnoreAttribute("seed");
  if (node.opset() < 7 && node.IntAttribute("is_test", 0) == 0) {
    return node.Refuse("is_test is 0: this is a model for training; export it for inference");
  }
  if (node.opset() >= 12 && node.HasInput(2)) {
    const std::vector<int64_t> training = node.KnownIntegers(2, "training_mode");
    if (!node.ok()) return;
    if ((training.size() != 1 || training[0] != 0) && !DropsNothing(node)) {
      const char* const reason =
          "training_mode is true: this is a model for training; export it for inference";
      return node.HasInput(1) ? node.RefuseUnknown(1, reason) : node.Refuse(reason);
    }
  }
  node.Bind(0, x);
  if (!node.ok() || !node.WantsOutput(1)) return;
  if (node.opset() < 10) return node.Refuse("the output mask: nothing is dropped in inference");
  const auto count = ElementCount(x.dims);
  if (!count.ok()) return node.Reject(std::string(count.status().message()));
  auto kept = std::make_shared<const std::string>(static_cast<size_t>(*count), '\1');
  node.BindConstant(1, {v1::DATA_TYPE_BOOL, x.dims, *kept, kept});
}

}  // namespace synergy
