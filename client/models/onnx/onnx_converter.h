#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/model.h"
#include "client/models/onnx/decided_inputs.h"
#include "client/models/onnx/onnx_constant.h"
#include "client/models/onnx/onnx_tensor.h"

// Reads networks that other frameworks have written as ONNX files. Pure: bytes in, a Model out.
namespace synergy {

struct OnnxOptions {
  // Shapes of inputs, by name: needed where the file leaves a dimension open, and they replace
  // those that it has.
  std::map<std::string, std::vector<int64_t>> input_shapes;
  // Put in for the first dimension of every input that leaves it open and has no shape above, nor
  // shares that dimension's name with one that has. Not given: 1. Refused where no input takes it.
  std::optional<int64_t> batch;
  // Told what the first dimension became of the first input that leaves it open. May be empty.
  std::function<void(int64_t)> on_batch;
  // Has the values of inputs that are known before the net runs. Asked for the inputs that decide
  // on shapes: these become constants of the net and are no inputs any more. Without it such models
  // are refused. May be asked again for the same input.
  InputValueSource input_value;
  // Reads data that the file keeps in other files; without it such models are refused.
  ReadExternalBytes read_external;
};

// Makes Caffe2 operators of the model in `bytes`, of untrusted origin; `name` becomes the model's.
// Blobs have the names of ONNX's values. Inputs are those of the graph that no initializer fills.
// Weights are views into the parsed file (float16 as float32) that Model::weights_owner keeps:
// `bytes` need not live on, and are not held in memory twice after that.
//
// What is known while converting (shapes, constants, and what is computed of these) is folded
// away. Dropout and Identity become no operators.
//
// InvalidArgument: no ONNX model, or one that its own rules forbid. Unimplemented: what Caffe2, or
// this build of it, cannot run; the text names the node, its operator and the reason.
absl::StatusOr<Model> ConvertOnnxUntrusted(const std::string& name, std::string_view bytes,
                                           const OnnxOptions& options);

}  // namespace synergy
