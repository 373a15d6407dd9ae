#include "client/models/caffe2_net.h"

#include <google/protobuf/text_format.h>
#include <sys/mman.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "client/models/net_file.h"
#include "client/models/operator_shapes.h"
#include "client/models/zoo.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/models/small_nets.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Caffe2NetOptions kOptions = {"", {{"data", {1, 3, 8, 8}}}, "", 7};

absl::StatusOr<Model> Read(const caffe2::NetDef& predict, const google::protobuf::Message& init,
                           const Caffe2NetOptions& options = kOptions) {
  return ReadCaffe2Model(predict.SerializeAsString(), init.SerializeAsString(), options);
}

Model Good(absl::StatusOr<Model> model) {
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : Model{};
}

std::string ErrorOf(const absl::StatusOr<Model>& model) {
  EXPECT_FALSE(model.ok());
  EXPECT_THAT(model.status().code(),
              testing::AnyOf(absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
                             absl::StatusCode::kUnimplemented));
  return model.status().ToString();
}

std::string ErrorOfBytes(std::string predict, std::string init) {
  return ErrorOf(ReadCaffe2Model(std::move(predict), std::move(init), kOptions));
}

std::string ErrorAfter(const std::function<void(caffe2::NetDef*, caffe2::NetDef*)>& spoil) {
  caffe2::NetDef predict = SmallPredictNet(), init = SmallInitNet();
  spoil(&predict, &init);
  return ErrorOf(Read(predict, init));
}

TEST(Caffe2Net, ValuesBecomeWeightsAndFillersStay) {
  const Model model = Good(Read(SmallPredictNet(), SmallInitNet()));
  EXPECT_EQ(model.name, "small");
  ASSERT_EQ(model.weights.size(), 3u);
  EXPECT_EQ(model.weights[0].name, "w");
  EXPECT_THAT(model.weights[0].dims, ElementsAre(2, 3, 3, 3));
  ASSERT_EQ(model.weights[0].bytes.size(), 54 * sizeof(float));
  float third = 0;
  std::memcpy(&third, model.weights[0].bytes.data() + 2 * sizeof(float), sizeof(float));
  EXPECT_EQ(third, 2.0f / 7);
  ASSERT_EQ(model.init.op_size(), 1);
  EXPECT_EQ(model.init.op(0).output(0), "fw");
  EXPECT_THAT(model.init.external_output(), ElementsAre("fw"));
  EXPECT_THAT(model.predict.external_input(), ElementsAre("data", "w", "b", "fw", "fb"));
  EXPECT_THAT(model.outputs, ElementsAre("y"));
  ASSERT_EQ(model.layers.size(), 4u);
  EXPECT_THAT(model.layers[3].outputs[0].dims, ElementsAre(1, 5));
  EXPECT_EQ(model.total.macs, 2 * 36 * 27 + 72 * 5);
  EXPECT_THAT(model.notes, IsEmpty());
}

TEST(Caffe2Net, TextIsReadAsBinaryIs) {
  std::string predict, init;
  google::protobuf::TextFormat::PrintToString(SmallPredictNet(), &predict);
  google::protobuf::TextFormat::PrintToString(SmallInitNet(), &init);
  const Model text = Good(ReadCaffe2Model("# exported\n" + predict, init, kOptions));
  const Model binary = Good(Read(SmallPredictNet(), SmallInitNet()));
  EXPECT_EQ(SerializeNet(text.predict).value(), SerializeNet(binary.predict).value());
  EXPECT_EQ(text.weights[0].bytes, binary.weights[0].bytes);
}

TEST(Caffe2Net, WeightsMayComeAsTensorProtos) {
  const Model model = Good(Read(SmallPredictNet(), SmallTensors()));
  EXPECT_EQ(model.weights.size(), 4u);
  EXPECT_EQ(model.init.op_size(), 0);
  caffe2::TensorProtos raw = SmallTensors();
  raw.mutable_protos(1)->clear_float_data();
  const float bias[] = {3, 4};
  raw.mutable_protos(1)->set_raw_data(bias, sizeof(bias));
  const Model packed = Good(Read(SmallPredictNet(), raw));
  EXPECT_EQ(packed.weights[1].bytes,
            std::string_view(reinterpret_cast<const char*>(bias), sizeof(bias)));
}

TEST(Caffe2Net, WeightsOutliveTheCallersBytes) {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
  {
    const Model model = Good(Read(SmallPredictNet(), SmallTensors()));
    bytes = model.weights[3].bytes;
    owner = model.weights_owner;
  }
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  EXPECT_EQ(value, 0.5f);
}

TEST(Caffe2Net, IntegerValuesDecideOnShapes) {
  caffe2::NetDef predict = SmallPredictNet(), init = SmallInitNet();
  AddOperator(&predict, "Reshape", "r", {"y", "shape"}, {"z", "old"});
  caffe2::OperatorDef* shape = init.add_op();
  *shape = GivenFloats("shape", {2});
  shape->set_type("GivenTensorIntFill");
  shape->mutable_arg(1)->clear_floats();
  shape->mutable_arg(1)->add_ints(5);
  shape->mutable_arg(1)->add_ints(-1);
  const Model model = Good(Read(predict, init));
  EXPECT_THAT(model.layers[4].outputs[0].dims, ElementsAre(5, 1));
  EXPECT_EQ(model.weights.back().type, v1::DATA_TYPE_INT32);
  EXPECT_EQ(model.weights.back().bytes.size(), 8u);
}

TEST(Caffe2Net, ZooNetsWrittenAndReadBackAreTheSame) {
  for (const ZooEntry& entry : Zoo()) {
    const Model built = entry.build(1, 5).value();
    Caffe2NetOptions options;
    options.input_shapes = {{built.inputs[0].blob, built.inputs[0].dims}};
    options.net_type = "simple";
    const Model read = Good(Read(built.predict, built.init, options));
    EXPECT_EQ(read.total, built.total) << entry.name;
    EXPECT_EQ(read.outputs, built.outputs) << entry.name;
    EXPECT_EQ(read.init.op_size(), built.init.op_size()) << entry.name;
    EXPECT_EQ(SerializeNet(read.init).value(), SerializeNet(built.init).value()) << entry.name;
  }
}

TEST(Caffe2Net, FillersWithoutASeedGetOneOfTheRuns) {
  caffe2::NetDef init = SmallInitNet();
  init.mutable_op(2)->clear_device_option();
  const Model model = Good(Read(SmallPredictNet(), init));
  EXPECT_EQ(model.init.op(0).device_option().random_seed(), SeedOfBlob(7, "fw"));
}

TEST(Caffe2Net, EveryOperatorHasANameOfItsOwn) {
  caffe2::NetDef predict = SmallPredictNet();
  predict.mutable_op(3)->set_name("fc");
  const Model model = Good(Read(predict, SmallInitNet()));
  EXPECT_EQ(model.layers[1].name, "c");
  EXPECT_EQ(model.layers[2].name, "fc");
  EXPECT_EQ(model.layers[3].name, "fc/2");
}

TEST(Caffe2Net, WithoutExternalOutputsTheyAreWhatNobodyReads) {
  caffe2::NetDef predict = SmallPredictNet();
  predict.clear_external_output();
  AddOperator(&predict, "Concat", "cat", {"y", "f"}, {"z", "split"});
  EXPECT_THAT(Good(Read(predict, SmallInitNet())).outputs, ElementsAre("z"));
}

TEST(Caffe2Net, PlaceholderOfTheInitNetGivesWayToTheInput) {
  caffe2::NetDef init = SmallInitNet();
  *init.add_op() = ConstantFiller("data", {1}, 0);
  const Model model = Good(Read(SmallPredictNet(), init));
  EXPECT_THAT(model.inputs[0].dims, ElementsAre(1, 3, 8, 8));
  EXPECT_THAT(model.notes, ElementsAre(HasSubstr("'data'")));
  // Without a shape the placeholder is taken, and the error says what may be meant.
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), init, {})), HasSubstr("--input-shape data=N,3,H,W"));
}

TEST(Caffe2Net, APredictNetThatMayHaveBeenCutOffIsRefusedOrNoted) {
  caffe2::NetDef predict = SmallPredictNet();
  predict.clear_external_output();
  caffe2::NetDef init = SmallInitNet();
  *init.add_op() = ConstantFiller("later", {1}, 0);
  EXPECT_THAT(Good(Read(predict, init)).notes, ElementsAre(HasSubstr("if its file was cut off")));
  predict.mutable_op()->DeleteSubrange(1, predict.op_size() - 1);
  for (const char* name : {"later2", "later3", "later4"}) {
    *init.add_op() = ConstantFiller(name, {1}, 0);
  }
  EXPECT_THAT(ErrorOf(Read(predict, init)), HasSubstr("its file was cut off"));
  predict.add_external_output(predict.op(0).output(0));
  EXPECT_THAT(Good(Read(predict, init)).notes, ElementsAre(Not(HasSubstr("cut off"))));
}

TEST(Caffe2Net, WhatThePredictNetDoesNotReadIsLeftOut) {
  caffe2::NetDef init = SmallInitNet();
  AddOperator(&init, "GivenTensorStringFill", "", {}, {"labels"});
  const Model model = Good(Read(SmallPredictNet(), init));
  EXPECT_THAT(model.notes, ElementsAre(HasSubstr("'labels'")));
  EXPECT_EQ(model.init.op_size(), 1);
}

TEST(Caffe2Net, OperatorsForAGpuRunOnTheCpu) {
  caffe2::NetDef predict = SmallPredictNet();
  predict.mutable_op(0)->mutable_device_option()->set_device_type(caffe2::PROTO_CUDA);
  const Model model = Good(Read(predict, SmallInitNet()));
  EXPECT_THAT(model.notes, ElementsAre(HasSubstr("CPU")));
  EXPECT_EQ(model.predict.op(0).device_option().device_type(), caffe2::PROTO_CPU);
}

TEST(Caffe2Net, TypesOfThePastBecomeTodays) {
  caffe2::NetDef predict = SmallPredictNet();
  predict.set_type("dag");
  const Model renamed = Good(Read(predict, SmallInitNet()));
  EXPECT_EQ(renamed.predict.type(), "async_scheduling");
  EXPECT_THAT(renamed.notes, ElementsAre(HasSubstr("'dag'; engines run it as async_scheduling")));
  Caffe2NetOptions options = kOptions;
  options.net_type = "simple";
  const Model chosen = Good(Read(predict, SmallInitNet(), options));
  EXPECT_EQ(chosen.predict.type(), "simple");
  EXPECT_THAT(chosen.notes, ElementsAre(HasSubstr("'dag'; it runs as --net-type simple")));
  predict.set_type("tree");
  EXPECT_THAT(ErrorOf(Read(predict, SmallInitNet())),
              AllOf(HasSubstr("'tree'"), HasSubstr("async_polling"), HasSubstr("--net-type")));
}

TEST(Caffe2Net, WeightsThatAreNotFiniteAreTakenAndReported) {
  caffe2::NetDef init = SmallInitNet();
  const auto set = [&](int op, int at, float value) {
    init.mutable_op(op)->mutable_arg(1)->set_floats(at, value);
  };
  set(0, 3, std::nanf(""));
  set(0, 4, std::numeric_limits<float>::infinity());
  EXPECT_THAT(Good(Read(SmallPredictNet(), init)).notes,
              ElementsAre(AllOf(HasSubstr("'w'"), HasSubstr("1 NaN and 1 infinite"))));
  set(3, 0, std::nanf(""));
  EXPECT_THAT(Good(Read(SmallPredictNet(), init)).notes, Contains(HasSubstr("2 weights")));
}

// Bad input.

TEST(Caffe2Net, EmptyFileIsRefused) {
  EXPECT_THAT(ErrorOfBytes("", ""), AllOf(HasSubstr("empty"), HasSubstr("export")));
}

TEST(Caffe2Net, EveryTruncationOfANetIsRefusedOrReadWhole) {
  const std::string predict = SmallPredictNet().SerializeAsString();
  const std::string init = SmallInitNet().SerializeAsString();
  for (size_t size = 0; size < predict.size(); ++size) {
    const auto model = ReadCaffe2Model(predict.substr(0, size), init, kOptions);
    // A cut between two fields leaves a smaller net. It must be whole in itself.
    if (model.ok()) {
      EXPECT_FALSE(model->outputs.empty()) << size;
    }
  }
  for (size_t size = 1; size < init.size(); ++size) {
    EXPECT_FALSE(
        ReadCaffe2Model(SmallPredictNet().SerializeAsString(), init.substr(0, size), kOptions).ok())
        << size;
  }
}

TEST(Caffe2Net, OtherFilesAreNamedForWhatTheyAre) {
  const std::string init = SmallInitNet().SerializeAsString();
  EXPECT_THAT(ErrorOfBytes(std::string("PK\x03\x04\0\0", 6), init), HasSubstr("zip archive"));
  EXPECT_THAT(ErrorOfBytes(std::string("\x89HDF\r\n\x1a\n"), init), HasSubstr("HDF5"));
  EXPECT_THAT(ErrorOfBytes(std::string("\x08\x07\x12\x02py"), init), HasSubstr("*.onnx"));
  EXPECT_THAT(ErrorOfBytes("name: \"AlexNet\"\nlayer {\n  name: \"data\"\n}\n", init),
              AllOf(HasSubstr("line 2"), HasSubstr("prototxt of Caffe")));
  EXPECT_THAT(ErrorOfBytes("hello", init), HasSubstr("text"));
  EXPECT_THAT(ErrorOfBytes(std::string(64, '\xff'), init), HasSubstr("64 bytes"));
}

TEST(Caffe2Net, ExchangedFilesAreNamed) {
  EXPECT_THAT(ErrorOf(Read(SmallInitNet(), SmallPredictNet())), HasSubstr("--init"));
}

TEST(Caffe2Net, MissingInitNetIsAskedFor) {
  EXPECT_THAT(ErrorOfBytes(SmallPredictNet().SerializeAsString(), ""),
              AllOf(HasSubstr("'w', 'b', 'fw' and 1 more"), HasSubstr("--init FILE"),
                    Not(HasSubstr("--input-shape w"))));
}

TEST(Caffe2Net, MissingShapeOfAnInputIsAskedFor) {
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), SmallInitNet(), {})),
              AllOf(HasSubstr("'data'"), HasSubstr("--input-shape data=N,3,H,W")));
}

TEST(Caffe2Net, TheHintNamesEveryInputWithAsManyDimensionsAsItsReaderTells) {
  caffe2::NetDef predict = SmallPredictNet();
  AddOperator(&predict, "FC", "more", {"features", "fw", "fb"}, {"z"});
  caffe2::Argument* const kernels =
      AddOperator(&predict, "MaxPool", "pool", {"volume"}, {"v"})->add_arg();
  kernels->set_name("kernels");
  for (int i = 0; i < 3; ++i) kernels->add_ints(2);
  AddOperator(&predict, "Relu", "relu", {"plain"}, {"r"});
  const std::string text = ErrorOf(Read(predict, SmallInitNet(), {}));
  EXPECT_THAT(text, HasSubstr("--input-shape data=N,3,H,W --input-shape features=N,"));
  EXPECT_THAT(text, HasSubstr("--input-shape volume=N,C,D,H,W and so on for 1 more"));
  EXPECT_THAT(ErrorOf(Read(predict, SmallInitNet(), {"", {{"data", {1, 3, 8, 8}}}, "", 0})),
              HasSubstr("--input-shape plain=D,D,..."));
}

TEST(Caffe2Net, ShapeOfAnUnknownInputIsRefusedWithTheNearestName) {
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), SmallInitNet(), {"", {{"dat", {1}}}, "", 0})),
              testing::AnyOf(HasSubstr("'data'")));
}

TEST(Caffe2Net, CyclesAndDanglingBlobsAreNamed) {
  EXPECT_THAT(ErrorAfter([](auto* predict, auto*) { predict->mutable_op(0)->set_input(0, "y"); }),
              testing::AnyOf(HasSubstr("cycle"), HasSubstr("no operator reads")));
  caffe2::NetDef cyclic = SmallPredictNet();
  cyclic.mutable_op(2)->set_input(0, "y");
  EXPECT_THAT(ErrorOf(Read(cyclic, SmallInitNet())), AllOf(HasSubstr("'y'"), HasSubstr("cycle")));
  EXPECT_THAT(
      ErrorAfter([](auto* predict, auto*) { predict->mutable_op(2)->set_input(0, "ghost"); }),
      HasSubstr("'ghost'"));
  EXPECT_THAT(ErrorAfter([](auto* predict, auto*) { predict->set_external_output(0, "ghost"); }),
              HasSubstr("'ghost'"));
}

TEST(Caffe2Net, ShapesThatDoNotFitAreNamedWithTheOperator) {
  EXPECT_THAT(ErrorAfter([](auto*, auto* init) { *init->mutable_op(1) = GivenFloats("b", {3}); }),
              AllOf(HasSubstr("'conv'"), HasSubstr("bias")));
  Caffe2NetOptions options = kOptions;
  options.input_shapes["data"] = {1, 3, 9, 9};
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), SmallInitNet(), options)), HasSubstr("'fc'"));
}

TEST(Caffe2Net, AbsurdSizesAreRefused) {
  Caffe2NetOptions options = kOptions;
  options.input_shapes["data"] = {1, 3, int64_t{1} << 40, 8};
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), SmallInitNet(), options)),
              HasSubstr("1099511627776"));
  EXPECT_THAT(ErrorAfter([](auto*, auto* init) {
                init->mutable_op(0)->mutable_arg(0)->set_ints(0, int64_t{1} << 40);
              }),
              HasSubstr("'w'") /* or its shape */);
  caffe2::TensorProtos tensors = SmallTensors();
  tensors.mutable_protos(0)->set_dims(0, int64_t{1} << 62);
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), tensors)), HasSubstr("'w'"));
}

TEST(Caffe2Net, WeightsWithOtherCountsThanTheirShapesAreRefused) {
  EXPECT_THAT(
      ErrorAfter([](auto*, auto* init) { init->mutable_op(0)->mutable_arg(1)->add_floats(1); }),
      HasSubstr("55 values"));
  caffe2::TensorProtos tensors = SmallTensors();
  tensors.mutable_protos(3)->add_float_data(1);
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), tensors)), HasSubstr("'fb'"));
  tensors = SmallTensors();
  tensors.mutable_protos(3)->set_data_type(caffe2::TensorProto::FLOAT16);
  EXPECT_THAT(ErrorOf(Read(SmallPredictNet(), tensors)),
              AllOf(HasSubstr("'fb'"), HasSubstr("type 12")));
}

TEST(Caffe2Net, OperatorsMissingInTheEnginesAreNamedWithTheNearest) {
  EXPECT_THAT(
      ErrorAfter([](auto* predict, auto*) { predict->mutable_op(3)->set_type("SoftMaxx"); }),
      AllOf(HasSubstr("'SoftMaxx'"), HasSubstr("'Softmax'"), HasSubstr("'prob'")));
}

TEST(Caffe2Net, NamesThatAreNoTextAreRefused) {
  EXPECT_THAT(
      ErrorAfter([](auto* predict, auto*) { predict->mutable_op(3)->set_output(0, "\x01\xff"); }),
      HasSubstr("printable"));
}

// Pages that nobody touches cost no memory.
TEST(Caffe2Net, FileBeyondProtobufsLimitIsRefusedBeforeItIsParsed) {
  const size_t size = kMaxProtobufBytes + 1;
  void* pages = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  const auto net =
      ParseNetUntrusted({static_cast<const char*>(pages), size}, "predict net", "--net");
  EXPECT_THAT(net.status().ToString(), AllOf(HasSubstr("2 GiB"), HasSubstr("ONNX")));
  munmap(pages, size);
}

}  // namespace
}  // namespace synergy
