// Bad, hostile and inexpressible models: each ends in one clear line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/models/onnx/onnx_converter.h"
#include "tests/client/models/onnx/onnx_models.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

void ExpectError(const absl::StatusOr<Model>& model, absl::StatusCode code,
                 const std::string& text) {
  ASSERT_FALSE(model.ok()) << "expected: " << text;
  EXPECT_EQ(model.status().code(), code) << model.status();
  EXPECT_THAT(std::string(model.status().message()), HasSubstr(text));
  EXPECT_EQ(std::string(model.status().message()).find('\n'), std::string::npos);
}

void ExpectInvalid(const onnx::ModelProto& model, const std::string& text) {
  ExpectError(Converted(model), absl::StatusCode::kInvalidArgument, text);
}

void ExpectRefused(const onnx::ModelProto& model, const std::string& text) {
  ExpectError(Converted(model), absl::StatusCode::kUnimplemented, text);
}

absl::StatusOr<Model> FromBytes(const std::string& bytes) {
  return ConvertOnnxUntrusted("test", bytes, {});
}

onnx::ModelProto SmallNet() {
  return OnnxModel(13, {1, 3, 8, 8},
                   FloatsText("w", {4, 3, 3, 3}) + NodeText("Conv", {"x", "w"}, "c") +
                       NodeText("Relu", {"c"}, "y"));
}

TEST(OnnxRefusal, FilesThatAreNoModels) {
  for (const std::string& bytes :
       {std::string(), std::string("\x89PNG\r\n\x1a\n"), std::string("not a protobuf at all"),
        std::string(64, '\xff'), std::string(64, '\0')}) {
    ExpectError(FromBytes(bytes), absl::StatusCode::kInvalidArgument, "it is no ONNX model");
  }
}

TEST(OnnxRefusal, EveryTruncationEndsInAnErrorOrASmallerModel) {
  const std::string whole = SmallNet().SerializeAsString();
  int converted = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    if (FromBytes(whole.substr(0, length)).ok()) ++converted;
  }
  EXPECT_EQ(converted, 0);
  EXPECT_TRUE(FromBytes(whole).ok());
}

TEST(OnnxRefusal, OpsetsThatAreMissingDoubledOrUnknown) {
  onnx::ModelProto model = SmallNet();
  model.mutable_opset_import(0)->set_version(99);
  ExpectRefused(model, "it uses opset 99; 1 to 17 are read. Export it with opset 15");
  model.mutable_opset_import(0)->set_version(0);
  ExpectRefused(model, "it uses opset 0");
  model.mutable_opset_import(0)->set_version(13);
  *model.add_opset_import() = model.opset_import(0);
  ExpectInvalid(model, "it imports ONNX's opset twice");
  model.clear_opset_import();
  model.add_opset_import()->set_domain("com.microsoft");
  ExpectInvalid(model, "it imports no opset of ONNX");
}

TEST(OnnxRefusal, GraphsThatAreCyclicDanglingOrAmbiguous) {
  ExpectInvalid(OnnxModel(13, {2}, NodeText("Add", {"x", "y"}, "a") + NodeText("Relu", {"a"}, "y")),
                "node 'a' (Add): reads 'y', which is not made before it: the graph has a cycle");
  ExpectInvalid(OnnxModel(13, {2}, NodeText("Relu", {"nowhere"}, "y")),
                "node 'y' (Relu): reads 'nowhere', which is not made before it");
  ExpectInvalid(OnnxModel(13, {2}, NodeText("Relu", {"x"}, "z")),
                "the graph's output 'y' is made by no node");
  ExpectInvalid(OnnxModel(13, {2}, NodeText("Relu", {"x"}, "y") + NodeText("Relu", {"x"}, "y")),
                "'y' is made twice");
  ExpectInvalid(OnnxModel(13, {2}, NodeText("Relu", {"x"}, "x") + NodeText("Relu", {"x"}, "y")),
                "'x' is made twice");
  ExpectInvalid(
      OnnxModel(13, {2},
                FloatsText("w", {2}) + FloatsText("w", {2}) + NodeText("Add", {"x", "w"}, "y")),
      "'w' is made twice");
  onnx::ModelProto twice = OnnxModel(13, {2}, NodeText("Relu", {"x"}, "y"));
  *twice.mutable_graph()->add_input() = twice.graph().input(0);
  ExpectInvalid(twice, "'x' is made twice");
  onnx::ModelProto outputs = OnnxModel(13, {2}, NodeText("Relu", {"x"}, "y"));
  outputs.mutable_graph()->clear_output();
  ExpectInvalid(outputs, "its graph has no outputs");
}

TEST(OnnxRefusal, OutputsThatNoOperatorMakes) {
  onnx::ModelProto model = OnnxModel(13, {2}, NodeText("Relu", {"x"}, "y"));
  model.mutable_graph()->add_output()->set_name("x");
  ExpectRefused(model, "the graph's output 'x' is an input or an initializer as well");
}

TEST(OnnxRefusal, AbsurdSizes) {
  constexpr int64_t kHuge = int64_t{1} << 40;
  ExpectInvalid(
      OnnxModel(13, {1, kHuge}, NodeText("Relu", {"x"}, "y")),
      "input 'x' has the dimensions 1 x 1099511627776: more than the 2147483647 elements that "
      "Caffe2 indexes");
  ExpectInvalid(OnnxModel(13, {1 << 20, 1 << 20}, NodeText("Relu", {"x"}, "y")), "Caffe2 indexes");
  onnx::ModelProto model = OnnxModel(13, {2}, NodeText("Add", {"x", "w"}, "y"));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "name: 'w' data_type: 1 dims: 1099511627776 raw_data: 'abcd'",
      model.mutable_graph()->add_initializer()));
  ExpectInvalid(model, "tensor 'w': the dimensions 1099511627776: more than");
  auto* dims = model.mutable_graph()->mutable_initializer(0)->mutable_dims();
  dims->Set(0, -1);
  ExpectInvalid(model, "tensor 'w': a dimension of -1");
  dims->Set(0, 2);
  ExpectInvalid(model, "tensor 'w': 4 bytes of elements where its shape [2] needs 8");
  ExpectInvalid(
      OnnxModel(13, {2, 3}, Int64Text("s", {kHuge, kHuge}) + NodeText("Expand", {"x", "s"}, "y")),
      "node 'y' (Expand)");
  ExpectRefused(OnnxModel(13, {1, 1, 8, 8},
                          NodeText("MaxPool", {"x"}, "y", IntsText("kernel_shape", {kHuge, 2}))),
                "kernel_shape [1099511627776, 2]: Caffe2 takes numbers from 1 to 16777216");
  ExpectInvalid(OnnxModel(13, {1, 1, 8, 8},
                          FloatsText("w", {1, 1, 0, 3}) + NodeText("Conv", {"x", "w"}, "y")),
                "node 'y' (Conv): a window of 0 elements");
  ExpectRefused(
      OnnxModel(13, {1, 1, 8, 8},
                NodeText("MaxPool", {"x"}, "y",
                         IntsText("kernel_shape", {2, 2}) + IntsText("strides", {kHuge, 1}))),
      "strides [1099511627776, 1]: Caffe2 takes numbers from 1 to 16777216");
  ExpectRefused(
      OnnxModel(13, {1, 1, 8, 8},
                Int64Text("p", {0, 0, kHuge, 0, 0, 0, 0, 0}) + NodeText("Pad", {"x", "p"}, "y")),
      "a pad of 1099511627776");
}

TEST(OnnxRefusal, OperatorsDomainsAndGraphsWithinNodes) {
  ExpectRefused(OnnxModel(13, {2}, NodeText("LSTM", {"x"}, "y")),
                "node 'y' (LSTM): this operator of opset 13 has no equivalent in this Caffe2");
  ExpectRefused(OnnxModel(13, {2}, NodeText("Upsample", {"x"}, "y")),
                "node 'y' (Upsample): this operator of opset 13");
  ExpectRefused(OnnxModel(13, {2}, NodeText("Gelu", {"x"}, "y", "domain: 'com.microsoft'")),
                "an operator of 'com.microsoft'");
  ExpectRefused(
      OnnxModel(13, {2},
                NodeText("If", {"x"}, "y",
                         "attribute { name: 'then_branch' type: GRAPH g { name: 'a' } }")),
      "node 'y' (If): it holds a graph of its own");
}

TEST(OnnxRefusal, SparseSegmentedAndStringTensors) {
  onnx::ModelProto sparse = OnnxModel(13, {2}, NodeText("Relu", {"x"}, "y"));
  sparse.mutable_graph()->add_sparse_initializer()->mutable_values()->set_name("s");
  ExpectRefused(sparse, "initializer 's' is sparse");
  ExpectRefused(OnnxModel(13, {2},
                          NodeText("Constant", {}, "c",
                                   "attribute { name: 'sparse_value' type: SPARSE_TENSOR }") +
                              NodeText("Add", {"x", "c"}, "y")),
                "node 'c' (Constant): sparse_value");
  ExpectRefused(OnnxModel(13, {2},
                          "initializer { name: 'w' data_type: 8 dims: 1 string_data: 'a' } " +
                              NodeText("Add", {"x", "w"}, "y")),
                "tensor 'w': element type string");
  ExpectInvalid(OnnxModel(13, {1},
                          "initializer { name: 'w' data_type: 1 dims: 1 float_data: 1 "
                          "segment { begin: 0 end: 1 } } " +
                              NodeText("Add", {"x", "w"}, "y")),
                "tensor 'w': a segmented tensor");
}

TEST(OnnxRefusal, AttributesThatAreWrong) {
  ExpectRefused(OnnxModel(13, {2}, NodeText("Relu", {"x"}, "y", IntText("fuse", 1))),
                "node 'y' (Relu): attribute 'fuse' is not one that this operator has in opset 13");
  ExpectInvalid(OnnxModel(13, {2, 2}, NodeText("Concat", {"x", "x"}, "y", StringText("axis", "1"))),
                "its axis has the wrong type");
  ExpectInvalid(OnnxModel(13, {2, 2}, NodeText("Concat", {"x", "x"}, "y", IntText("axis", 2))),
                "axis 2 of a tensor with 2 dimensions");
  ExpectInvalid(OnnxModel(13, {2, 2}, NodeText("Transpose", {"x"}, "y", IntsText("perm", {0, 0}))),
                "axis 0 twice");
  ExpectInvalid(OnnxModel(13, {2}, NodeText("Relu", {"x", "x"}, "y")), "(Relu): 2 inputs");
  ExpectInvalid(OnnxModel(13, {2}, NodeText("Add", {"x", ""}, "y")), "lacks its input 1");
}

TEST(OnnxRefusal, ShapesThatDoNotFit) {
  ExpectInvalid(OnnxModel(13, {2, 3}, FloatsText("w", {4}) + NodeText("Add", {"x", "w"}, "y")),
                "node 'y' (Add): shapes [2, 3] and [4] do not fit each other");
  ExpectInvalid(OnnxModel(13, {1, 3, 8, 8},
                          FloatsText("w", {4, 2, 3, 3}) + NodeText("Conv", {"x", "w"}, "y")),
                "node 'y' (Conv)");
  ExpectInvalid(
      OnnxModel(13, {2, 3}, Int64Text("s", {4, -1}) + NodeText("Reshape", {"x", "s"}, "y")),
      "cannot reshape [2, 3] to [4, -1]");
  ExpectInvalid(
      OnnxModel(13, {6},
                Int64Text("one", {1}) + Int64Text("zero", {0}) +
                    NodeText("Div", {"one", "zero"}, "d") + NodeText("Reshape", {"x", "d"}, "y")),
      "node 'd' (Div): Div of 1 and 0 is no integer");
}

TEST(OnnxRefusal, WhatCaffe2CannotExpress) {
  const auto pool = [](const std::string& attributes) {
    return OnnxModel(
        12, {1, 1, 8, 8},
        NodeText("MaxPool", {"x"}, "y", IntsText("kernel_shape", {2, 2}) + attributes));
  };
  ExpectRefused(pool(IntsText("dilations", {2, 2})), "dilations other than 1");
  ExpectRefused(pool(IntsText("pads", {2, 2, 2, 2})), "take less than the window");
  ExpectRefused(
      pool(IntsText("strides", {3, 3}) + IntText("ceil_mode", 1) + IntsText("pads", {1, 1, 1, 1})),
      "ceil_mode with a window wholly on padding");
  ExpectRefused(
      OnnxModel(12, {1, 4, 2, 2, 2},
                FloatsText("w", {4, 1, 2, 2, 2}) + NodeText("ConvTranspose", {"x", "w"}, "y")),
      "3 spatial axes");
  ExpectRefused(
      OnnxModel(14, {1, 2, 3},
                FloatsText("v", {2}) + NodeText("BatchNormalization", {"x", "v", "v", "v", "v"},
                                                "y", IntText("training_mode", 1))),
      "this is a model for training");
  ExpectRefused(OnnxModel(13, {1, 8, 2, 2}, NodeText("LRN", {"x"}, "y", IntText("size", 4))),
                "Caffe2's LRN takes odd sizes");
}

TEST(OnnxRefusal, NamesAreShownWithoutControlCharactersAndCut) {
  onnx::ModelProto model = OnnxModel(13, {2}, NodeText("Relu", {"nowhere"}, "y"));
  model.mutable_graph()->mutable_node(0)->set_name("a\nb\x1b[31m" + std::string(5000, 'c'));
  const auto status = Converted(model).status();
  EXPECT_EQ(std::string(status.message()).find_first_of("\n\x1b"), std::string::npos);
  EXPECT_LT(status.message().size(), 600u);
  ExpectInvalid(OnnxModel(13, {2},
                          "initializer { name: 'w\\n2' data_type: 1 dims: 3 } " +
                              NodeText("Add", {"x", "w\\n2"}, "y")),
                "tensor 'w 2': 0 bytes of elements");
}

}  // namespace
}  // namespace synergy
