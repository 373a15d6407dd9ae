// Every network of the zoo, run by Caffe2 itself: what the builder computed is what comes out, and
// the seeded weights keep every number an ordinary one. Compiled once for each math back-end.

#include <caffe2/core/init.h>
#include <caffe2/core/net.h>
#include <caffe2/core/operator.h>
#include <caffe2/core/workspace.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "client/models/zoo.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {

// Found by GoogleTest through the type's namespace.
void PrintTo(const ZooEntry& entry, std::ostream* out) { *out << entry.name; }

namespace {

using ::testing::FloatNear;
using ::testing::Not;
using ::testing::Pointwise;

// What a float blob holds.
struct Census {
  int64_t not_finite = 0;
  int64_t subnormal = 0;
  int64_t not_zero = 0;
  double largest = 0;      // magnitude
  double mean_square = 0;  // over all values
};

Census Count(const caffe2::Tensor& tensor) {
  Census census;
  const float* values = tensor.data<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const int kind = std::fpclassify(values[i]);
    if (kind == FP_NAN || kind == FP_INFINITE) ++census.not_finite;
    if (kind == FP_SUBNORMAL) ++census.subnormal;
    if (kind != FP_ZERO) ++census.not_zero;
    const double value = values[i];
    census.largest = std::max(census.largest, std::fabs(value));
    census.mean_square += value * value / static_cast<double>(tensor.numel());
  }
  return census;
}

class ZooRun : public ::testing::TestWithParam<ZooEntry> {
 protected:
  static void SetUpTestSuite() {
    int argc = 1;
    std::string name = "zoo_runs_test";
    char* args[] = {name.data(), nullptr};
    char** argv = args;
    ASSERT_TRUE(caffe2::GlobalInit(&argc, &argv));
  }

  const caffe2::Tensor& Tensor(const std::string& blob) const {
    return workspace_.GetBlob(blob)->Get<caffe2::Tensor>();
  }

  std::vector<float> Values(const std::string& blob) const {
    const caffe2::Tensor& tensor = Tensor(blob);
    return {tensor.data<float>(), tensor.data<float>() + tensor.numel()};
  }

  // Runs the init net and fills the input with standard normal values.
  void Load(const Model& model) {
    ASSERT_TRUE(workspace_.RunNetOnce(model.init));
    std::mt19937 generator(1234);
    std::normal_distribution<float> normal;
    caffe2::Tensor* input = caffe2::BlobGetMutableTensor(
        workspace_.CreateBlob(model.inputs[0].blob), model.inputs[0].dims, at::dtype<float>());
    std::generate_n(input->mutable_data<float>(), input->numel(),
                    [&] { return normal(generator); });
  }

  void ExpectWeights(const Layer& layer) const {
    if (layer.cost.params == 0) return;
    for (size_t i = 1; i < layer.inputs.size(); ++i) {
      const caffe2::Tensor& weight = Tensor(layer.inputs[i].blob);
      EXPECT_EQ(weight.sizes().vec(), layer.inputs[i].dims) << layer.inputs[i].blob;
      const Census census = Count(weight);
      EXPECT_EQ(census.not_finite + census.subnormal, 0) << layer.inputs[i].blob;
      const bool bias = layer.type != "SpatialBN" && i == 2;  // zero, as networks start
      EXPECT_EQ(census.not_zero > 0, !bias) << layer.inputs[i].blob;
    }
  }

  void ExpectOutputs(const Layer& layer) const {
    for (const BlobShape& output : layer.outputs) {
      const caffe2::Tensor& tensor = Tensor(output.blob);
      EXPECT_EQ(tensor.sizes().vec(), output.dims) << layer.name << ": " << output.blob;
      if (!tensor.IsType<float>()) continue;  // Concat's index output
      const Census census = Count(tensor);
      EXPECT_EQ(census.not_finite, 0) << layer.name;
      EXPECT_EQ(census.subnormal, 0) << layer.name;
      EXPECT_GT(census.not_zero, 0) << layer.name;
      EXPECT_LT(census.largest, 1e3) << layer.name;  // level, not merely finite
      if (layer.type == "Softmax") continue;
      EXPECT_GT(census.mean_square, 1e-2) << layer.name;
      EXPECT_LT(census.mean_square, 1e3) << layer.name;
    }
  }

  void ExpectProbabilities(const Model& model, int64_t batch) const {
    const caffe2::Tensor& prob = Tensor(model.outputs[0]);
    const int64_t classes = model.layers.back().outputs[0].dims[1];
    ASSERT_EQ(prob.numel(), batch * classes);
    for (int64_t i = 0; i < batch; ++i) {
      const float* row = prob.data<float>() + i * classes;
      double sum = 0;
      for (int64_t j = 0; j < classes; ++j) sum += static_cast<double>(row[j]);
      EXPECT_NEAR(sum, 1, 1e-5);
      EXPECT_LT(*std::max_element(row, row + classes), 0.9f);  // a spread, not one class
    }
  }

  caffe2::Workspace workspace_;
};

std::string TestName(const ::testing::TestParamInfo<ZooEntry>& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooRun, ::testing::ValuesIn(Zoo()), TestName);

// One loading of the weights for all of this: the largest networks have 140 million.
TEST_P(ZooRun, WeightsAndEveryOperatorsOutputHaveTheComputedShapesAndOrdinaryNumbers) {
  const Model model = GetParam().build(1, 5).value();
  Load(model);
  for (const Layer& layer : model.layers) ExpectWeights(layer);
  // Operator by operator, since a later one may work in place.
  for (int i = 0; i < model.predict.op_size(); ++i) {
    ASSERT_TRUE(workspace_.RunOperatorOnce(model.predict.op(i))) << model.predict.op(i).name();
    ExpectOutputs(model.layers[static_cast<size_t>(i)]);
  }
  ExpectProbabilities(model, 1);
  int64_t bytes = 0;  // Caffe2 keeps what was computed that it would
  for (const std::string& blob : workspace_.Blobs()) {
    bytes += static_cast<int64_t>(Tensor(blob).nbytes());
  }
  EXPECT_EQ(bytes, model.activation_bytes + model.total.params_bytes);
}

TEST_P(ZooRun, WholeNetOfABatchGivesAProbabilityDistributionPerImage) {
  const Model model = GetParam().build(2, 6).value();
  Load(model);
  caffe2::NetBase* net = workspace_.CreateNet(model.predict);
  ASSERT_NE(net, nullptr);
  ASSERT_TRUE(net->Run());
  ExpectProbabilities(model, 2);
  const std::vector<float> prob = Values(model.outputs[0]);
  const auto second = prob.begin() + static_cast<std::ptrdiff_t>(prob.size() / 2);
  EXPECT_FALSE(std::equal(prob.begin(), second, second));  // two images, two answers
}

// Seeds are the builder's affair, not a network's: small ones of either kind are enough.
class ZooSeeds : public ZooRun {};

std::vector<ZooEntry> SmallNetworks() {
  std::vector<ZooEntry> small;
  for (const char* name : {"all_cnn_c", "mobilenet_0.25", "shufflenet_v2_x1_0", "squeezenet1.1"}) {
    small.push_back(*FindModel(name).value());
  }
  return small;
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooSeeds, ::testing::ValuesIn(SmallNetworks()), TestName);

TEST_P(ZooSeeds, SameSeedGivesTheSameWeightsAndAnswerAndAnotherSeedOthers) {
  std::vector<std::vector<float>> weights;
  std::vector<std::vector<float>> answers;
  for (uint64_t seed : {3, 3, 4}) {
    const Model model = GetParam().build(1, seed).value();
    Load(model);
    weights.push_back(Values(model.init.op(0).output(0)));
    ASSERT_TRUE(workspace_.RunNetOnce(model.predict));
    answers.push_back(Values(model.outputs[0]));
  }
  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_NE(weights[0], weights[2]);
  // A threaded back-end need not add in the same order each time.
  EXPECT_THAT(answers[1], Pointwise(FloatNear(1e-6f), answers[0]));
  EXPECT_THAT(answers[2], Not(Pointwise(FloatNear(1e-6f), answers[0])));
}

}  // namespace
}  // namespace synergy
