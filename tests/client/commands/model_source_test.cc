#include "client/commands/model_source.h"

#include <filesystem>
#include <fstream>

#include "client/commands/exit_code.h"
#include "client/commands/job_submission.h"
#include "client/models/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/models/onnx/onnx_models.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kPredict = R"(name: "relu"
op { input: "data" output: "y" name: "r" type: "Relu" }
external_input: "data" external_output: "y")";

class ModelSource : public testing::Test {
 protected:
  ModelOptions File(const std::string& content) {
    std::ofstream(folder_.File("net.pbtxt")) << content;
    return {.net = folder_.File("net.pbtxt"), .input_shapes = {"data=2,3"}};
  }
  void ExpectUsage(const ModelOptions& options, const std::string& text) {
    const absl::Status status = LoadModel(options).status();
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(text));
  }

  TempFolder folder_;
};

TEST_F(ModelSource, ANameOfTheZooIsThatNetworkWhateverFilesThereAre) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  std::ofstream("squeezenet1.1") << "a file";
  const auto loaded = LoadModel({.net = "squeezenet1.1", .batch = 2});
  std::filesystem::current_path(before);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->source, "zoo");
  EXPECT_EQ(loaded->batch, 2u);
  EXPECT_EQ(loaded->model.name, "squeezenet1.1");
  EXPECT_EQ(loaded->model.predict.type(), "simple");
}

TEST_F(ModelSource, NamesThatAreNoFileSuggestTheNearestNetwork) {
  ExpectUsage({.net = "sqeezenet"}, "did you mean 'squeezenet'?");
  ExpectUsage({.net = "./sqeezenet"}, "No such file");
  ExpectUsage({.net = "sqeezenet.pb"}, "No such file");
}

TEST_F(ModelSource, ACaffe2FileHasTheShapesThatAreGiven) {
  ModelOptions options = File(kPredict);
  options.net_type = "async_scheduling";
  const auto loaded = LoadModel(options);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->source, "caffe2");
  EXPECT_EQ(loaded->batch, 2u);
  EXPECT_EQ(loaded->model.predict.type(), "async_scheduling");
  EXPECT_THAT(loaded->model.inputs[0].dims, ElementsAre(2, 3));
}

// Both were found out by the board alone, after everything had been sent.
TEST_F(ModelSource, WhatABoardWouldRefuseOfTheInputsIsFoundHere) {
  ModelOptions options = File(std::string(kPredict) + " external_input: \"unread\"");
  const auto loaded = LoadModel(options);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->model.inputs.size(), 1u);
  EXPECT_EQ(loaded->model.inputs[0].blob, "data");

  options = File(kPredict);
  options.input_shapes = {"data=1,1,1,1,1,1,1,1,2"};
  ExpectUsage(options, "has 9 dimensions; boards take at most 8");
}

TEST_F(ModelSource, AnInputMayBeOneNumber) {
  ModelOptions options = File(R"(name: "scaled"
op { input: "data" input: "factor" output: "y" name: "m" type: "Mul"
     arg { name: "broadcast" i: 1 } }
external_input: "data" external_input: "factor" external_output: "y")");
  options.input_shapes = {"factor=scalar", "data=2,3"};
  options.batch = 2;
  const auto loaded = LoadModel(options);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->batch, 2u);
  ASSERT_EQ(loaded->model.inputs.size(), 2u);
  EXPECT_THAT(loaded->model.inputs[0].dims, ElementsAre(2, 3));
  EXPECT_THAT(loaded->model.inputs[1].dims, IsEmpty());
}

TEST_F(ModelSource, ValuesOfInputsThatDecideOnShapesGoIntoTheNetwork) {
  onnx::ModelProto proto = OnnxModel(13, {2, 6}, NodeText("Reshape", {"x", "shape"}, "y"));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      ValueText("shape", {2}, onnx::TensorProto::INT64), proto.mutable_graph()->add_input()));
  std::ofstream(folder_.File("net.onnx")) << proto.SerializeAsString();
  const int64_t shape[] = {3, 4};
  std::ofstream(folder_.File("s.npy"))
      << *NpyPrefix(v1::DATA_TYPE_INT64, {2})
      << std::string_view(reinterpret_cast<const char*>(shape), sizeof(shape));

  ModelOptions options = {.net = folder_.File("net.onnx")};
  ExpectUsage(options, "--input BLOB=FILE.npy");
  const std::string given = "shape=" + folder_.File("s.npy");
  options.inputs = {"x=unread.npy", given};
  const auto loaded = LoadModel(options);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->used_inputs, ElementsAre(given));
  ASSERT_EQ(loaded->model.inputs.size(), 1u);
  EXPECT_EQ(loaded->model.inputs[0].blob, "x");
  EXPECT_THAT(loaded->model.notes, Contains(HasSubstr("'shape' decide on shapes")));
  options.inputs = {"shape=" + folder_.File("none.npy")};
  ExpectUsage(options, "none.npy");
}

TEST_F(ModelSource, TheNetTypeOfACaffe2FileCountsWhereNoFlagSaysAnother) {
  const auto type = [&](const std::string& in_file, const std::string& flag) {
    ModelOptions options = File("type: \"" + in_file + "\" " + kPredict);
    options.net_type = flag;
    const auto loaded = LoadModel(options);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() ? loaded->model.predict.type() : std::string();
  };
  EXPECT_EQ(type("", ""), "simple");
  EXPECT_EQ(type("dag", ""), "async_scheduling");
  EXPECT_EQ(type("dag", "simple"), "simple");
  EXPECT_EQ(type("bogus", "simple"), "simple");
  ExpectUsage(File(std::string("type: \"bogus\" ") + kPredict), "no net type 'bogus'");
}

TEST_F(ModelSource, ABatchThatAGivenShapeContradictsIsRefused) {
  ModelOptions options = File(kPredict);
  options.batch = 7;
  ExpectUsage(options, "--input-shape data=2,3 and --batch 7 contradict each other");
  options.input_shapes = {"data=7,3"};
  ASSERT_TRUE(LoadModel(options).ok()) << LoadModel(options).status();
  EXPECT_EQ(LoadModel(options)->batch, 7u);
}

// "y" is "x", N x 3 x 8 x 8, times "w", which comes first and whose first dimension is `w`.
onnx::ModelProto ScaledByAnInput(const std::string& w) {
  onnx::ModelProto proto = OnnxModel(13, {1, 3, 8, 8}, NodeText("Mul", {"x", "w"}, "y"));
  onnx::GraphProto* graph = proto.mutable_graph();
  const onnx::ValueInfoProto x = graph->input(0);
  graph->clear_input();
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString(ValueText("w", {3, 1, 1}), graph->add_input()));
  *graph->add_input() = x;
  const auto open = [&](int input, const std::string& name) {
    graph->mutable_input(input)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(0)
        ->set_dim_param(name);
  };
  open(1, "N");
  if (!w.empty()) open(0, w);
  return proto;
}

TEST_F(ModelSource, ABatchIsForOpenFirstDimensionsAlone) {
  std::ofstream(folder_.File("net.onnx")) << ScaledByAnInput("").SerializeAsString();
  ModelOptions options = {.net = folder_.File("net.onnx"), .batch = 4};
  for (const std::vector<std::string>& shapes :
       {std::vector<std::string>{}, {"w=3,1,1"}, {"x=4,3,8,8"}}) {
    options.input_shapes = shapes;
    const auto loaded = LoadModel(options);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_THAT(loaded->model.inputs[0].dims, ElementsAre(3, 1, 1));
    EXPECT_THAT(loaded->model.inputs[1].dims, ElementsAre(4, 3, 8, 8));
    EXPECT_EQ(loaded->batch, 4u) << "not that of the first input";
  }
  options.input_shapes = {"x=2,3,8,8"};
  ExpectUsage(options, "--input-shape x=2,3,8,8 and --batch 4 contradict each other");
  options.batch = 0;
  EXPECT_EQ(LoadModel(options)->batch, 2u);
}

TEST_F(ModelSource, DimensionsOfOneNameAreAlike) {
  onnx::ModelProto proto = ScaledByAnInput("N");
  auto* w = proto.mutable_graph()
                ->mutable_input(0)
                ->mutable_type()
                ->mutable_tensor_type()
                ->mutable_shape();
  w->add_dim()->set_dim_value(1);
  std::ofstream(folder_.File("net.onnx")) << proto.SerializeAsString();
  ModelOptions options = {.net = folder_.File("net.onnx"), .input_shapes = {"x=5,3,8,8"}};
  const auto loaded = LoadModel(options);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->model.inputs[0].dims, ElementsAre(5, 1, 1, 1));
  EXPECT_EQ(loaded->batch, 5u);
  options.input_shapes = {"x=5,3,8,8", "w=1,1,1,1"};
  ExpectUsage(options, "the dimension 'N' cannot be 5 and 1");
  options.input_shapes = {"x=5,3,8,8"};
  options.batch = 4;
  ExpectUsage(options, "--input-shape x=5,3,8,8 and --batch 4");
}

TEST_F(ModelSource, ABatchThatTheFileFixesNamesTheFlagForShapes) {
  std::ofstream(folder_.File("net.onnx"))
      << OnnxModel(13, {2, 6}, NodeText("Relu", {"x"}, "y")).SerializeAsString();
  ModelOptions options = {.net = folder_.File("net.onnx"), .batch = 4};
  ExpectUsage(options, "--input-shape x=4,6");
  options.batch = 2;
  EXPECT_TRUE(LoadModel(options).ok()) << LoadModel(options).status();
  std::ofstream(folder_.File("net.onnx"))
      << OnnxModel(13, {0, 6}, NodeText("Relu", {"x"}, "y")).SerializeAsString();
  options.batch = 0;
  ExpectUsage(options, "which holds nothing");
  options.input_shapes = {"x=65537,6"};
  ExpectUsage(options, "boards take at most 65536");
}

TEST_F(ModelSource, ShapesThatAreNoneNameTheForm) {
  for (const char* shape : {"data", "data=", "=1", "data=1,", "data=,1", "data=1,0", "data=-1",
                            "data=1.5", "data=99999999999999999999", "data=1 2"}) {
    ModelOptions options = File(kPredict);
    options.input_shapes = {shape};
    ExpectUsage(options, "BLOB=1,3,224,224");
  }
  ModelOptions twice = File(kPredict);
  twice.input_shapes = {"data=2,3", "data=2,3"};
  ExpectUsage(twice, "given twice");
}

TEST_F(ModelSource, FlagsForFilesAreRefusedElsewhere) {
  ExpectUsage({.net = "squeezenet", .init = "x.pb"}, "of the zoo");
  ExpectUsage({.net = "squeezenet", .input_shapes = {"data=1,3,9,9"}}, "of the zoo");
  ExpectUsage({.net = folder_.File("n.onnx"), .init = "x.pb"}, "leave it out");
}

// Each was found out by the board alone, after all weights had been sent.
TEST_F(ModelSource, FlagsThatTheBoardWouldRefuseAreRefusedBeforeAnythingIsSent) {
  const ModelOptions net = File(kPredict);
  const auto loaded = LoadModel(net);
  ASSERT_TRUE(loaded.ok());
  Job job;
  job.loaded = *loaded;
  v1::BoardInfo board;
  board.set_cpus(4);
  board.add_rails()->set_name("VDD_IN");
  for (const auto& [name, threads] : {std::pair("caffe2-eigen", 1), {"caffe2-openblas", 64}}) {
    board.add_engines(name);
    v1::EngineInfo* engine = board.add_engine_details();
    engine->set_name(name);
    engine->set_max_threads(static_cast<uint32_t>(threads));
  }
  const auto expect = [&](const JobOptions& options, const std::string& text) {
    const absl::Status status = CheckJob(options, net, job, board);
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(text));
  };
  EXPECT_TRUE(CheckJob({}, net, job, board).ok()) << CheckJob({}, net, job, board);
  expect({.engine = "nosuch"}, "--engine: there is no 'nosuch' here");
  expect({.engine = "caffe2-eigen", .threads = 2}, "--threads: engine caffe2-eigen runs one");
  expect({.threads = 99}, "--threads: 99 asked for; this board has CPUs for 1 to 4");
  expect({.rate_hz = 1e8}, "--rate: 100000000 asked for");
  expect({.time_limit_s = 99'999'999}, "--time-limit: 99999999 given");
  board.clear_engine_details();
  expect({.engine = "nosuch"}, "caffe2-eigen, caffe2-openblas");
  EXPECT_TRUE(CheckJob({.threads = 2}, net, job, board).ok()) << "it does not say";
  board.clear_rails();
  board.add_cannot("measure: no sensors");
  const absl::Status status = CheckJob({}, net, job, board);
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kRefused);
  EXPECT_THAT(status.ToString(), HasSubstr("cannot measure: no sensors"));
}

TEST_F(ModelSource, AModelBeyondTheBoardsMemoryIsRefusedWithTheFigure) {
  const auto loaded = LoadModel(File(kPredict));
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(FitsMemory(loaded->model, 0).ok()) << "not known";
  EXPECT_TRUE(FitsMemory(loaded->model, uint64_t{1} << 32).ok());
  const absl::Status refused = FitsMemory(loaded->model, 47);  // input and output take 48
  EXPECT_EQ(ExitCodeOf(refused), ExitCode::kUsage);
  EXPECT_THAT(refused.ToString(), HasSubstr("MB"));
}

}  // namespace
}  // namespace synergy
