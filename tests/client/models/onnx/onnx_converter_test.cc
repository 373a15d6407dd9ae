// What the converter makes of single operators and opsets. That Caffe2 then computes the right
// numbers is testdata_test's.
#include "client/models/onnx/onnx_converter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "client/models/onnx/operator_table.h"
#include "tests/client/models/onnx/onnx_models.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> TypesOf(const Model& model) {
  std::vector<std::string> types;
  for (const auto& op : model.predict.op()) types.push_back(op.type());
  return types;
}

std::vector<int64_t> Ints(const Model& model, int op, const std::string& name) {
  for (const auto& arg : model.predict.op(op).arg()) {
    if (arg.name() == name) return {arg.ints().begin(), arg.ints().end()};
  }
  return {};
}

std::vector<int64_t> OutputDims(const Model& model) { return model.layers.back().outputs[0].dims; }

#define CONVERT_OR_FAIL(name, ...)                   \
  auto name##_or = Converted(__VA_ARGS__);           \
  ASSERT_TRUE(name##_or.ok()) << name##_or.status(); \
  const Model& name = *name##_or

TEST(OnnxConverter, KeepsNamesInputsOutputsAndWeights) {
  CONVERT_OR_FAIL(model, OnnxModel(13, {2, 3, 8, 8},
                                   FloatsText("w", {4, 3, 3, 3}) + FloatsText("unused", {1}) +
                                       NodeText("Conv", {"x", "w"}, "c", "name: 'conv1'") +
                                       NodeText("Relu", {"c"}, "y")));
  EXPECT_THAT(TypesOf(model), ElementsAre("Conv", "Relu"));
  EXPECT_EQ(model.predict.op(0).name(), "conv1");
  EXPECT_EQ(model.predict.op(1).name(), "y");
  ASSERT_EQ(model.inputs.size(), 1u);
  EXPECT_EQ(model.inputs[0].blob, "x");
  EXPECT_THAT(model.inputs[0].dims, ElementsAre(2, 3, 8, 8));
  EXPECT_THAT(model.outputs, ElementsAre("y"));
  ASSERT_EQ(model.weights.size(), 1u);
  EXPECT_EQ(model.weights[0].name, "w");
  EXPECT_EQ(model.weights[0].bytes.size(), 4u * 3 * 3 * 3 * sizeof(float));
  EXPECT_EQ(model.total.macs, 2 * 4 * 36 * 27);
  EXPECT_THAT(model.predict.external_input(), ElementsAre("x", "w"));
  EXPECT_THAT(model.predict.external_output(), ElementsAre("y"));
}

TEST(OnnxConverter, RawDataOfWeightsLiveInTheParsedFileUntilTheModelGoes) {
  onnx::ModelProto proto = OnnxModel(13, {1, 2}, NodeText("Add", {"x", "w"}, "y"));
  auto* weight = proto.mutable_graph()->add_initializer();
  weight->set_name("w");
  weight->set_data_type(onnx::TensorProto::FLOAT);
  weight->add_dims(2);
  const float values[] = {1.5f, -2};
  weight->set_raw_data(values, sizeof(values));
  CONVERT_OR_FAIL(model, proto);
  proto.Clear();
  ASSERT_EQ(model.weights.size(), 1u);
  ASSERT_EQ(model.weights[0].bytes.size(), sizeof(values));
  EXPECT_EQ(std::memcmp(model.weights[0].bytes.data(), values, sizeof(values)), 0);
}

TEST(OnnxConverter, Float16BecomesFloat32) {
  onnx::ModelProto proto = OnnxModel(13, {1, 4}, NodeText("Add", {"x", "w"}, "y"));
  auto* weight = proto.mutable_graph()->add_initializer();
  weight->set_name("w");
  weight->set_data_type(onnx::TensorProto::FLOAT16);
  weight->add_dims(4);
  // 1, -2, the largest, the smallest above 0.
  for (const int bits : {0x3c00, 0xc000, 0x7bff, 0x0001}) weight->add_int32_data(bits);
  CONVERT_OR_FAIL(model, proto);
  std::vector<float> values(4);
  ASSERT_EQ(model.weights[0].bytes.size(), 16u);
  std::memcpy(values.data(), model.weights[0].bytes.data(), 16);
  EXPECT_THAT(values, ElementsAre(1, -2, 65504, 0x1p-24f));
}

TEST(OnnxConverter, AutoPadIsWorkedOutFromTheShapes) {
  const auto pads = [](const std::string& mode) {
    auto model = Converted(
        OnnxModel(11, {1, 1, 5, 6},
                  FloatsText("w", {1, 1, 3, 2}) +
                      NodeText("Conv", {"x", "w"}, "y",
                               StringText("auto_pad", mode) + IntsText("strides", {2, 2}))));
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? Ints(*model, 0, "pads") : std::vector<int64_t>{};
  };
  // Height: 3 windows of 3 in steps of 2 need 7 of 5: 2 more. Width: 3 windows of 2 need 6: none.
  EXPECT_THAT(pads("SAME_UPPER"), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(pads("VALID"), ElementsAre(0, 0, 0, 0));
}

TEST(OnnxConverter, TheOddPadOfSameGoesWhereTheModeSays) {
  for (const auto& [mode, expected] : std::map<std::string, std::vector<int64_t>>{
           {"SAME_UPPER", {0, 0, 1, 1}}, {"SAME_LOWER", {1, 1, 0, 0}}}) {
    CONVERT_OR_FAIL(model, OnnxModel(11, {1, 1, 4, 4},
                                     NodeText("MaxPool", {"x"}, "y",
                                              IntsText("kernel_shape", {2, 2}) +
                                                  StringText("auto_pad", mode))));
    EXPECT_EQ(Ints(model, 0, "pads"), expected) << mode;
    EXPECT_THAT(OutputDims(model), ElementsAre(1, 1, 4, 4));
  }
}

TEST(OnnxConverter, CeilModeBecomesPaddingBehind) {
  CONVERT_OR_FAIL(
      model, OnnxModel(11, {1, 1, 6, 6},
                       NodeText("MaxPool", {"x"}, "y",
                                IntsText("kernel_shape", {3, 3}) + IntsText("strides", {2, 2}) +
                                    IntText("ceil_mode", 1))));
  EXPECT_THAT(Ints(model, 0, "pads"), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(OutputDims(model), ElementsAre(1, 1, 3, 3));
}

TEST(OnnxConverter, PadsThatCountAndCeilModeBecomeAPaddedImage) {
  CONVERT_OR_FAIL(
      model, OnnxModel(11, {1, 1, 6, 6},
                       NodeText("AveragePool", {"x"}, "y",
                                IntsText("kernel_shape", {3, 3}) + IntsText("strides", {2, 2}) +
                                    IntsText("pads", {1, 1, 0, 0}) + IntText("ceil_mode", 1) +
                                    IntText("count_include_pad", 1))));
  EXPECT_THAT(TypesOf(model), ElementsAre("AveragePool"));  // 7 divides evenly: nothing to add
  CONVERT_OR_FAIL(
      odd, OnnxModel(11, {1, 1, 7, 7},
                     NodeText("AveragePool", {"x"}, "y",
                              IntsText("kernel_shape", {3, 3}) + IntsText("strides", {2, 2}) +
                                  IntsText("pads", {1, 1, 0, 0}) + IntText("ceil_mode", 1) +
                                  IntText("count_include_pad", 1))));
  EXPECT_THAT(TypesOf(odd), ElementsAre("PadImage", "AveragePool"));
  EXPECT_THAT(Ints(odd, 1, "pads"), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(OutputDims(odd), ElementsAre(1, 1, 4, 4));
}

TEST(OnnxConverter, SoftmaxChangedItsMeaningInOpset13) {
  CONVERT_OR_FAIL(old, OnnxModel(12, {2, 3, 4}, NodeText("Softmax", {"x"}, "y")));
  EXPECT_THAT(TypesOf(old), ElementsAre("Softmax"));
  EXPECT_EQ(old.predict.op(0).arg(0).i(), 1);  // of rows of 12
  CONVERT_OR_FAIL(now, OnnxModel(13, {2, 3, 4}, NodeText("Softmax", {"x"}, "y")));
  EXPECT_EQ(now.predict.op(0).arg(0).i(), 2);  // along the last axis
  CONVERT_OR_FAIL(inner,
                  OnnxModel(13, {2, 3, 4}, NodeText("Softmax", {"x"}, "y", IntText("axis", 1))));
  EXPECT_THAT(TypesOf(inner), ElementsAre("Transpose", "Softmax", "Transpose"));
  CONVERT_OR_FAIL(
      image, OnnxModel(13, {2, 10, 1, 1}, NodeText("Softmax", {"x"}, "y", IntText("axis", 1))));
  EXPECT_THAT(TypesOf(image), ElementsAre("Softmax"));
}

TEST(OnnxConverter, AttributesThatBecameInputsAreReadFromWhereTheOpsetHasThem) {
  CONVERT_OR_FAIL(attribute,
                  OnnxModel(12, {1, 3, 1}, NodeText("Squeeze", {"x"}, "y", IntsText("axes", {0}))));
  EXPECT_THAT(OutputDims(attribute), ElementsAre(3, 1));
  CONVERT_OR_FAIL(
      input,
      OnnxModel(13, {1, 3, 1}, Int64Text("axes", {-1}) + NodeText("Squeeze", {"x", "axes"}, "y")));
  EXPECT_THAT(OutputDims(input), ElementsAre(1, 3));
  CONVERT_OR_FAIL(
      clip, OnnxModel(6, {2},
                      NodeText("Clip", {"x"}, "y", "attribute { name: 'max' type: FLOAT f: 6 }")));
  EXPECT_THAT(TypesOf(clip), ElementsAre("Clip"));
  const auto status =
      Converted(OnnxModel(13, {1, 3, 1}, NodeText("Squeeze", {"x"}, "y", IntsText("axes", {0}))))
          .status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("attribute 'axes' is not one that this operator has in opset 13"));
}

TEST(OnnxConverter, BroadcastByAxisBecomesNumpys) {
  CONVERT_OR_FAIL(model, OnnxModel(6, {2, 3, 4, 5},
                                   FloatsText("b", {3, 4}) +
                                       NodeText("Add", {"x", "b"}, "y",
                                                IntText("broadcast", 1) + IntText("axis", 1))));
  EXPECT_THAT(TypesOf(model), ElementsAre("Add"));
  ASSERT_EQ(model.weights.size(), 1u);
  EXPECT_THAT(model.weights[0].dims, ElementsAre(3, 4, 1));
}

// What PyTorch writes for x.view(x.size(0), -1).
TEST(OnnxConverter, ChainsOfShapesFoldAway) {
  CONVERT_OR_FAIL(
      model, OnnxModel(13, {2, 3, 4, 5},
                       Int64Text("zero", {0}) + Int64Text("axis", {0}) + Int64Text("rest", {-1}) +
                           NodeText("Shape", {"x"}, "shape") +
                           NodeText("Gather", {"shape", "zero"}, "batch", IntText("axis", 0)) +
                           NodeText("Squeeze", {"batch", "axis"}, "scalar") +
                           NodeText("Unsqueeze", {"scalar", "axis"}, "again") +
                           NodeText("Cast", {"again"}, "as_float", IntText("to", 1)) +
                           NodeText("Cast", {"as_float"}, "as_int", IntText("to", 7)) +
                           NodeText("Concat", {"as_int", "rest"}, "target", IntText("axis", 0)) +
                           NodeText("Reshape", {"x", "target"}, "y")));
  EXPECT_THAT(TypesOf(model), ElementsAre("Reshape"));
  EXPECT_THAT(OutputDims(model), ElementsAre(2, 60));
  EXPECT_THAT(model.weights, IsEmpty());
}

TEST(OnnxConverter, ArithmeticOfShapesFoldsAway) {
  CONVERT_OR_FAIL(model, OnnxModel(13, {2, 12, 4},
                                   Int64Text("one", {1}) + Int64Text("two", {2}) +
                                       Int64Text("three", {3}) + NodeText("Shape", {"x"}, "shape") +
                                       NodeText("Slice", {"shape", "one", "two"}, "channels") +
                                       NodeText("Div", {"channels", "three"}, "third") +  // 4
                                       NodeText("Mul", {"third", "two"}, "twice") +       // 8
                                       NodeText("Sub", {"twice", "one"}, "less") +        // 7
                                       NodeText("Add", {"less", "one"}, "end") +          // 8
                                       NodeText("Slice", {"x", "third", "end", "one"}, "y")));
  EXPECT_THAT(TypesOf(model), ElementsAre("Slice"));
  EXPECT_THAT(OutputDims(model), ElementsAre(2, 4, 4));
}

TEST(OnnxConverter, WeightsAreTransposedAndReshapedBeforehand) {
  CONVERT_OR_FAIL(model, OnnxModel(13, {2, 3},
                                   FloatsText("w", {4, 3}) + Int64Text("shape", {3, -1}) +
                                       NodeText("Transpose", {"w"}, "t") +
                                       NodeText("Reshape", {"t", "shape"}, "r") +
                                       NodeText("MatMul", {"x", "r"}, "y")));
  EXPECT_THAT(TypesOf(model), ElementsAre("MatMul"));
  EXPECT_THAT(OutputDims(model), ElementsAre(2, 4));
}

TEST(OnnxConverter, DropoutAndIdentityLeaveNoOperator) {
  CONVERT_OR_FAIL(model,
                  OnnxModel(13, {2, 3},
                            NodeText("Dropout", {"x"}, "d") + NodeText("Identity", {"d"}, "i") +
                                NodeText("Relu", {"i"}, "r") + NodeText("Identity", {"r"}, "y")));
  EXPECT_THAT(TypesOf(model), ElementsAre("Relu", "Copy"));  // the output keeps its name
}

TEST(OnnxConverter, GemmIsFcWhereItIsALayer) {
  CONVERT_OR_FAIL(layer,
                  OnnxModel(13, {2, 3},
                            FloatsText("w", {4, 3}) + FloatsText("b", {4}) +
                                NodeText("Gemm", {"x", "w", "b"}, "y", IntText("transB", 1))));
  EXPECT_THAT(TypesOf(layer), ElementsAre("FC"));
  CONVERT_OR_FAIL(other, OnnxModel(13, {2, 3},
                                   FloatsText("w", {3, 4}) + FloatsText("b", {2, 1}) +
                                       NodeText("Gemm", {"x", "w", "b"}, "y")));
  EXPECT_THAT(TypesOf(other), ElementsAre("MatMul", "Add"));
}

TEST(OnnxConverter, NearestResizeIsCaffe2sWhereBothTakeTheSameElements) {
  const std::string scales =
      "initializer { name: 's' data_type: 1 dims: 4 float_data: 1 float_data: 1 float_data: 2 "
      "float_data: 2 } ";
  CONVERT_OR_FAIL(same,
                  OnnxModel(13, {1, 2, 3, 3}, scales + NodeText("Resize", {"x", "", "s"}, "y")));
  EXPECT_THAT(TypesOf(same), ElementsAre("ResizeNearest"));
  CONVERT_OR_FAIL(other, OnnxModel(13, {1, 2, 3, 3},
                                   scales + NodeText("Resize", {"x", "", "s"}, "y",
                                                     StringText("nearest_mode", "ceil"))));
  EXPECT_THAT(TypesOf(other), ElementsAre("Gather", "Gather"));
  EXPECT_THAT(OutputDims(other), ElementsAre(1, 2, 6, 6));
}

TEST(OnnxConverter, ResizedLengthsAreRoundedInFloat32) {
  const std::string scales =
      "initializer { name: 's' data_type: 1 dims: 4 float_data: 1 float_data: 1 float_data: 1.3 "
      "float_data: 0.7 } ";
  for (const char* transformation : {"half_pixel", "asymmetric", "align_corners"}) {
    CONVERT_OR_FAIL(
        model,
        OnnxModel(13, {1, 2, 10, 10},
                  scales + NodeText("Resize", {"x", "", "s"}, "y",
                                    StringText("coordinate_transformation_mode", transformation))));
    EXPECT_THAT(OutputDims(model), ElementsAre(1, 2, 13, 7)) << transformation;
  }
}

TEST(OnnxConverter, SoftplusDoesNotOverflow) {
  CONVERT_OR_FAIL(model, OnnxModel(13, {1, 4}, NodeText("Softplus", {"x"}, "y")));
  EXPECT_THAT(TypesOf(model), ElementsAre("Clip", "Softplus", "Max"));
}

TEST(OnnxConverter, AutoPadSameDecidesOnThePoolsLengthWhateverCeilModeSays) {
  CONVERT_OR_FAIL(
      model,
      OnnxModel(13, {1, 2, 9, 7},
                NodeText("MaxPool", {"x"}, "y",
                         IntsText("kernel_shape", {2, 2}) + IntsText("strides", {3, 3}) +
                             IntText("ceil_mode", 1) + StringText("auto_pad", "SAME_UPPER"))));
  EXPECT_THAT(OutputDims(model), ElementsAre(1, 2, 3, 3));
}

TEST(OnnxConverter, OpenDimensionsAreTheBatchOrAreAskedFor) {
  onnx::ModelProto proto = OnnxModel(13, {7, 3, 8, 8}, NodeText("Relu", {"x"}, "y"));
  auto* shape = proto.mutable_graph()
                    ->mutable_input(0)
                    ->mutable_type()
                    ->mutable_tensor_type()
                    ->mutable_shape();
  shape->mutable_dim(0)->set_dim_param("N");
  OnnxOptions options;
  options.batch = 4;
  CONVERT_OR_FAIL(batched, proto, options);
  EXPECT_THAT(batched.inputs[0].dims, ElementsAre(4, 3, 8, 8));
  shape->mutable_dim(2)->set_dim_param("H");
  EXPECT_THAT(std::string(Converted(proto).status().message()),
              HasSubstr("--input-shape x=N,3,H,8"));
  *proto.mutable_graph()->add_input() = proto.graph().input(0);
  proto.mutable_graph()->mutable_input(1)->set_name("z");
  EXPECT_THAT(std::string(Converted(proto).status().message()),
              AllOf(HasSubstr("inputs 'x', 'z'"),
                    HasSubstr("--input-shape x=N,3,H,8 --input-shape z=N,3,H,8")));
  proto.mutable_graph()->mutable_input()->RemoveLast();
  options.batch.reset();
  options.input_shapes = {{"x", {1, 3, 5, 8}}};
  CONVERT_OR_FAIL(given, proto, options);
  EXPECT_THAT(given.inputs[0].dims, ElementsAre(1, 3, 5, 8));
  options.input_shapes = {{"X", {1}}};
  EXPECT_THAT(std::string(Converted(proto, options).status().message()),
              HasSubstr("it has no input 'X'; did you mean 'x'?"));
}

// "y" is "x" in the shape that the int64 inputs "rows", as it is, and "columns", doubled, give.
onnx::ModelProto ShapeFromInputs() {
  onnx::ModelProto proto =
      OnnxModel(13, {2, 6},
                Int64Text("two", {2}) + NodeText("Mul", {"columns", "two"}, "twice") +
                    NodeText("Concat", {"rows", "twice"}, "shape", IntText("axis", 0)) +
                    NodeText("Reshape", {"x", "shape"}, "y"));
  for (const char* name : {"rows", "columns"}) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        ValueText(name, {1}, onnx::TensorProto::INT64), proto.mutable_graph()->add_input()));
  }
  return proto;
}

TEST(OnnxConverter, InputsThatDecideOnShapesMustBeKnown) {
  const onnx::ModelProto proto = ShapeFromInputs();
  const auto status = Converted(proto).status();
  EXPECT_TRUE(absl::IsUnimplemented(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--input BLOB=FILE.npy"));
  std::map<std::string, OnnxConstant> values = {
      {"x", FloatConstant({2, 6}, std::vector<float>(12))},
      {"rows", Int64Constant({1}, {3})},
      {"columns", Int64Constant({1}, {2})}};
  std::set<std::string> asked;
  OnnxOptions options;
  options.input_value =
      [&](const std::string& name) -> absl::StatusOr<std::optional<OnnxConstant>> {
    asked.insert(name);
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
  CONVERT_OR_FAIL(model, proto, options);
  EXPECT_THAT(OutputDims(model), ElementsAre(3, 4));
  ASSERT_EQ(model.inputs.size(), 1u);
  EXPECT_EQ(model.inputs[0].blob, "x");
  EXPECT_THAT(asked, ElementsAre("columns", "rows")) << "the data stay an input";

  values["rows"] = FloatConstant({1}, {3});
  EXPECT_THAT(std::string(Converted(proto, options).status().message()),
              HasSubstr("input 'rows' are float32, and it is int64"));
  values["rows"] = Int64Constant({2}, {3, 1});
  EXPECT_THAT(std::string(Converted(proto, options).status().message()),
              HasSubstr("input 'rows' have the shape 2"));
  values.erase("rows");
  EXPECT_TRUE(absl::IsUnimplemented(Converted(proto, options).status())) << "one is missing";
}

TEST(OnnxConverter, ExternalDataComeThroughTheReader) {
  onnx::ModelProto proto = OnnxModel(13, {1, 2}, NodeText("Add", {"x", "w"}, "y"));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "name: 'w' data_type: 1 dims: 2 data_location: EXTERNAL "
      "external_data { key: 'location' value: 'w.bin' } external_data { key: 'offset' value: '4' }",
      proto.mutable_graph()->add_initializer()));
  EXPECT_THAT(std::string(Converted(proto).status().message()), HasSubstr("another file"));
  OnnxOptions options;
  std::string sha1;
  options.read_external =
      [&](const OnnxExternalBytes& wanted) -> absl::StatusOr<std::shared_ptr<const std::string>> {
    EXPECT_EQ(wanted.location, "w.bin");
    EXPECT_EQ(wanted.offset, 4u);
    EXPECT_EQ(wanted.file_sha1, sha1);
    if (!sha1.empty()) return absl::InvalidArgumentError("w.bin has another SHA-1");
    return std::make_shared<const std::string>(wanted.length, '\0');
  };
  CONVERT_OR_FAIL(model, proto, options);
  EXPECT_EQ(model.weights[0].bytes, std::string(8, '\0'));
  auto* checksum = proto.mutable_graph()->mutable_initializer(0)->add_external_data();
  checksum->set_key("checksum");
  checksum->set_value("87ACEC17CD9DCD20A716CC2CF67417B71C8A7016");
  sha1 = "87acec17cd9dcd20a716cc2cf67417b71c8a7016";
  EXPECT_THAT(std::string(Converted(proto, options).status().message()),
              AllOf(HasSubstr("tensor 'w'"), HasSubstr("w.bin has another SHA-1")));
  checksum->set_value("87acec17");
  EXPECT_THAT(std::string(Converted(proto, options).status().message()),
              AllOf(HasSubstr("tensor 'w'"), HasSubstr("'87acec17', which is no SHA-1")));
}

TEST(OnnxOperatorTable, RangesOfOneOperatorDoNotOverlapAndEveryRowCanBeReached) {
  for (const OnnxOperatorRow& row : OnnxOperators()) {
    EXPECT_LE(row.since, row.until) << row.type;
    EXPECT_LE(row.least_inputs, row.most_inputs) << row.type;
    for (int64_t opset = row.since; opset <= row.until; ++opset) {
      EXPECT_EQ(FindOnnxOperator(row.type, opset), &row) << row.type << " in opset " << opset;
    }
  }
}

}  // namespace
}  // namespace synergy
