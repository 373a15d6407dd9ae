// What deploy/caffe2 built is the Caffe2 that the engines need. Compiled once for each math
// back-end; SYNERGY_TEST_OPENBLAS is 1 or 0 accordingly.

#include <caffe2/core/init.h>
#include <caffe2/core/net.h>
#include <caffe2/core/operator.h>
#include <caffe2/core/operator_schema.h>
#include <caffe2/core/workspace.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

class Caffe2Build : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    int argc = 1;
    std::string name = "caffe2_build_test";
    char* args[] = {name.data(), nullptr};
    char** argv = args;
    ASSERT_TRUE(caffe2::GlobalInit(&argc, &argv));
  }

  void Feed(const std::string& name, const std::vector<int64_t>& shape,
            const std::vector<float>& values) {
    caffe2::Tensor* tensor =
        caffe2::BlobGetMutableTensor(workspace_.CreateBlob(name), shape, at::dtype<float>());
    ASSERT_EQ(static_cast<size_t>(tensor->numel()), values.size());
    std::copy(values.begin(), values.end(), tensor->mutable_data<float>());
  }

  std::vector<float> Fetch(const std::string& name) const {
    const caffe2::Tensor& tensor = workspace_.GetBlob(name)->Get<caffe2::Tensor>();
    return {tensor.data<float>(), tensor.data<float>() + tensor.numel()};
  }

  caffe2::Workspace workspace_;
};

std::vector<float> Ramp(int count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

caffe2::NetDef OneOperator(const std::string& net_type, const std::string& op_type,
                           const std::vector<std::string>& inputs, const std::string& output,
                           const std::vector<std::pair<std::string, int>>& arguments) {
  caffe2::NetDef net;
  net.set_name(op_type + "_" + net_type);
  net.set_type(net_type);
  caffe2::OperatorDef* op = net.add_op();
  op->set_type(op_type);
  for (const std::string& input : inputs) op->add_input(input);
  op->add_output(output);
  for (const auto& [name, value] : arguments) {
    caffe2::Argument* argument = op->add_arg();
    argument->set_name(name);
    argument->set_i(value);
  }
  return net;
}

// Input 0..15 as 4 x 4, kernel 0..8, bias 0.5. At (0, 0): the sum of k * x[k] over the window
// 0 1 2 / 4 5 6 / 8 9 10 is 258; one step right adds 36 (the kernel's sum), one step down 4 * 36.
TEST_F(Caffe2Build, ConvMatchesHandComputedValuesInEveryNetType) {
  Feed("x", {1, 1, 4, 4}, Ramp(16));
  Feed("w", {1, 1, 3, 3}, Ramp(9));
  Feed("b", {1}, {0.5f});
  for (const std::string net_type : {"simple", "async_scheduling"}) {
    SCOPED_TRACE(net_type);
    const std::string& output = net_type;
    ASSERT_TRUE(workspace_.RunNetOnce(
        OneOperator(net_type, "Conv", {"x", "w", "b"}, output, {{"kernel", 3}})));
    EXPECT_THAT(Fetch(output), ElementsAre(258.5f, 294.5f, 402.5f, 438.5f));
  }
}

TEST_F(Caffe2Build, GroupedConvKeepsItsChannelsApart) {
  std::vector<float> x = Ramp(9);
  x.insert(x.end(), 9, 1.0f);
  std::vector<float> w(9, 1.0f);
  w.insert(w.end(), 9, 2.0f);
  Feed("x", {1, 2, 3, 3}, x);
  Feed("w", {2, 1, 3, 3}, w);
  Feed("b", {2}, {0.0f, 0.0f});
  ASSERT_TRUE(workspace_.RunNetOnce(
      OneOperator("simple", "Conv", {"x", "w", "b"}, "y", {{"kernel", 3}, {"group", 2}})));
  EXPECT_THAT(Fetch("y"), ElementsAre(36.0f, 18.0f));
}

// X = 0..5 as 2 x 3, W = 0..5 as 2 x 3, Y = X W^T + b.
TEST_F(Caffe2Build, FullyConnectedMatchesHandComputedValues) {
  Feed("x", {2, 3}, Ramp(6));
  Feed("w", {2, 3}, Ramp(6));
  Feed("b", {2}, {0.0f, 100.0f});
  ASSERT_TRUE(workspace_.RunNetOnce(OneOperator("simple", "FC", {"x", "w", "b"}, "y", {})));
  EXPECT_THAT(Fetch("y"), Pointwise(FloatNear(1e-4f), {5.0f, 114.0f, 14.0f, 150.0f}));
}

// alexnet, squeezenet, resnet, mobilenet (1 and 2), vgg, nin, googlenet, inception, densenet,
// shufflenet and the fillers of their init nets.
class ZooOperator : public ::testing::TestWithParam<const char*> {};

TEST_P(ZooOperator, IsRegisteredWithItsSchema) {
  EXPECT_TRUE(caffe2::CPUOperatorRegistry()->Has(GetParam()));
  EXPECT_NE(caffe2::OpSchemaRegistry::Schema(GetParam()), nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    All, ZooOperator,
    ::testing::Values("Conv", "FC", "MaxPool", "AveragePool", "LRN", "SpatialBN", "Relu",
                      "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Clip", "Softmax", "Dropout",
                      "Concat", "Split", "Sum", "Add", "Sub", "Mul", "Div", "ChannelShuffle",
                      "Transpose", "Reshape", "Flatten", "ExpandDims", "Squeeze", "PadImage",
                      "Copy", "ConvTranspose", "ConstantFill", "GaussianFill", "UniformFill",
                      "XavierFill", "MSRAFill", "GivenTensorFill"),
    [](const auto& operator_type) { return std::string(operator_type.param); });

// What users' networks have besides.
INSTANTIATE_TEST_SUITE_P(
    Users, ZooOperator,
    ::testing::Values("InstanceNorm", "AffineChannel", "Elu", "HardSigmoid", "Softplus", "Softsign",
                      "Swish", "Abs", "Exp", "Log", "Negative", "Reciprocal", "Sqr", "Sqrt",
                      "Floor", "Ceil", "Pow", "Max", "Min", "Mean", "ReduceMean", "ReduceSum",
                      "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "MatMul", "BatchMatMul",
                      "Cast", "Expand", "Tile", "Gather", "Slice", "ResizeNearest",
                      "UpsampleBilinear", "NCHW2NHWC", "NHWC2NCHW"),
    [](const auto& operator_type) { return std::string(operator_type.param); });

class ZooOperatorCost : public ::testing::TestWithParam<const char*> {};

TEST_P(ZooOperatorCost, IsInferredByCaffe2) {
  const caffe2::OpSchema* schema = caffe2::OpSchemaRegistry::Schema(GetParam());
  ASSERT_NE(schema, nullptr);
  EXPECT_TRUE(schema->HasCostInferenceFunction());
}

INSTANTIATE_TEST_SUITE_P(All, ZooOperatorCost,
                         ::testing::Values("Conv", "FC", "SpatialBN", "Relu", "Concat", "Split",
                                           "Sum", "Add", "Mul"),
                         [](const auto& operator_type) {
                           return std::string(operator_type.param);
                         });

TEST_F(Caffe2Build, DepthwiseConvHasItsEngine) {
  EXPECT_TRUE(caffe2::CPUOperatorRegistry()->Has("Conv_ENGINE_DEPTHWISE_3x3"));
}

TEST_F(Caffe2Build, OpenBlasIsLoadedExactlyInItsOwnEngine) {
  EXPECT_EQ(dlsym(RTLD_DEFAULT, "cblas_sgemm") != nullptr, SYNERGY_TEST_OPENBLAS == 1);
  EXPECT_EQ(dlsym(RTLD_DEFAULT, "openblas_get_config") != nullptr, SYNERGY_TEST_OPENBLAS == 1);
}

}  // namespace
}  // namespace synergy
