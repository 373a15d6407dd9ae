// ONNX models for tests, written as protobuf text.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/onnx/onnx_converter.h"
#include "fmt/format.h"

namespace synergy {

// "name: 'x' type { tensor_type { elem_type: 1 shape { dim { dim_value: 2 } } } }"
inline std::string ValueText(const std::string& name, const std::vector<int64_t>& dims,
                             int type = onnx::TensorProto::FLOAT) {
  std::string text =
      fmt::format("name: '{}' type {{ tensor_type {{ elem_type: {} shape {{", name, type);
  for (const int64_t dim : dims) text += fmt::format(" dim {{ dim_value: {} }}", dim);
  return text + " } } }";
}

// A model with the float input "x" of this shape, the output "y" and these nodes and initializers.
inline onnx::ModelProto OnnxModel(int64_t opset, const std::vector<int64_t>& x,
                                  const std::string& graph) {
  const std::string text = fmt::format(
      "ir_version: 7 opset_import {{ version: {} }} graph {{ name: 'test' input {{ {} }} "
      "output {{ name: 'y' }} {} }}",
      opset, ValueText("x", x), graph);
  onnx::ModelProto model;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &model)) << text;
  return model;
}

// "node { op_type: 'Relu' input: 'x' output: 'y' }" with attributes as text.
inline std::string NodeText(const std::string& type, const std::vector<std::string>& inputs,
                            const std::string& output, const std::string& attributes = "") {
  std::string text = fmt::format("node {{ op_type: '{}' output: '{}'", type, output);
  for (const std::string& input : inputs) text += fmt::format(" input: '{}'", input);
  return text + " " + attributes + " } ";
}

inline std::string IntText(const std::string& name, int64_t value) {
  return fmt::format("attribute {{ name: '{}' type: INT i: {} }} ", name, value);
}
inline std::string IntsText(const std::string& name, const std::vector<int64_t>& values) {
  std::string text = fmt::format("attribute {{ name: '{}' type: INTS", name);
  for (const int64_t value : values) text += fmt::format(" ints: {}", value);
  return text + " } ";
}
inline std::string StringText(const std::string& name, const std::string& value) {
  return fmt::format("attribute {{ name: '{}' type: STRING s: '{}' }} ", name, value);
}

// An initializer of int64 numbers.
inline std::string Int64Text(const std::string& name, const std::vector<int64_t>& values) {
  std::string text =
      fmt::format("initializer {{ name: '{}' data_type: 7 dims: {}", name, values.size());
  for (const int64_t value : values) text += fmt::format(" int64_data: {}", value);
  return text + " } ";
}
// One of floats, all `value`.
inline std::string FloatsText(const std::string& name, const std::vector<int64_t>& dims,
                              float value = 0.5f) {
  std::string text = fmt::format("initializer {{ name: '{}' data_type: 1", name);
  int64_t count = 1;
  for (const int64_t dim : dims) {
    text += fmt::format(" dims: {}", dim);
    count *= dim;
  }
  for (int64_t i = 0; i < count; ++i) text += fmt::format(" float_data: {}", value);
  return text + " } ";
}

inline absl::StatusOr<Model> Converted(const onnx::ModelProto& model,
                                       const OnnxOptions& options = {}) {
  return ConvertOnnxUntrusted("test", model.SerializeAsString(), options);
}

}  // namespace synergy
