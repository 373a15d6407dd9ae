#include "client/models/zoo.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {

// Found by GoogleTest through the type's namespace.
void PrintTo(const ZooEntry& entry, std::ostream* out) { *out << entry.name; }

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Model Make(std::string_view name, int64_t batch = 1, uint64_t seed = 1) {
  return FindModel(name).value()->build(batch, seed).value();
}

std::map<std::string, int> CountTypes(const Model& model) {
  std::map<std::string, int> types;
  for (const Layer& layer : model.layers) ++types[layer.type];
  return types;
}

const Layer& FindLayer(const Model& model, std::string_view name) {
  auto it = std::find_if(model.layers.begin(), model.layers.end(),
                         [&](const Layer& layer) { return layer.name == name; });
  EXPECT_NE(it, model.layers.end()) << name;
  return *it;
}

std::vector<int64_t> ShapeOf(const Model& model, std::string_view layer) {
  return FindLayer(model, layer).outputs[0].dims;
}

class ZooNetwork : public ::testing::TestWithParam<ZooEntry> {};

std::string TestName(const ::testing::TestParamInfo<ZooEntry>& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooNetwork, ::testing::ValuesIn(Zoo()), TestName);

TEST_P(ZooNetwork, HasThePublishedMacsWithin2Percent) {
  const Model model = GetParam().build(1, 1).value();
  ASSERT_FALSE(GetParam().published_macs.empty());
  for (const PublishedMacs& published : GetParam().published_macs) {
    EXPECT_NEAR(static_cast<double>(CountMacs(model, published.scope)), published.macs,
                0.02 * published.macs)
        << published.source;
  }
}

TEST_P(ZooNetwork, HasThePublishedParametersWithin1Percent) {
  const Model model = GetParam().build(1, 1).value();
  EXPECT_NEAR(static_cast<double>(model.total.params), GetParam().published_params,
              0.01 * GetParam().published_params);
}

TEST_P(ZooNetwork, TakesThePublishedInputAndEndsInASoftmaxOf1000) {
  const Model model = GetParam().build(2, 1).value();
  EXPECT_EQ(model.name, GetParam().name);
  EXPECT_EQ(model.inputs[0].dims[0], 2);
  EXPECT_EQ(std::vector<int64_t>(model.inputs[0].dims.begin() + 1, model.inputs[0].dims.end()),
            GetParam().input);
  const Layer& last = model.layers.back();
  EXPECT_EQ(last.type, "Softmax");
  EXPECT_EQ(last.outputs[0].blob, model.outputs[0]);
  EXPECT_EQ(last.outputs[0].dims[0], 2);
  EXPECT_EQ(last.outputs[0].dims[1], 1000);
}

TEST_P(ZooNetwork, IsByteIdenticalForTheSameSeed) {
  const Model a = GetParam().build(1, 99).value();
  const Model b = GetParam().build(1, 99).value();
  const Model c = GetParam().build(1, 100).value();
  EXPECT_EQ(*SerializeNet(a.predict), *SerializeNet(b.predict));
  EXPECT_EQ(*SerializeNet(a.init), *SerializeNet(b.init));
  EXPECT_EQ(*SerializeNet(a.predict), *SerializeNet(c.predict));
  EXPECT_NE(*SerializeNet(a.init), *SerializeNet(c.init));
}

TEST_P(ZooNetwork, ScalesWithTheBatch) {
  const Model one = GetParam().build(1, 1).value();
  const Model four = GetParam().build(4, 1).value();
  EXPECT_EQ(four.total.macs, 4 * one.total.macs);
  EXPECT_EQ(four.total.params, one.total.params);
  EXPECT_EQ(*SerializeNet(four.init), *SerializeNet(one.init));
  EXPECT_EQ(*SerializeNet(four.predict), *SerializeNet(one.predict));
  ASSERT_EQ(four.layers.size(), one.layers.size());
  for (size_t i = 0; i < one.layers.size(); ++i) {
    EXPECT_EQ(four.layers[i].outputs[0].dims[0], 4);
    EXPECT_EQ(four.layers[i].cost.bytes_written - 4 * one.layers[i].cost.bytes_written,
              one.layers[i].type == "Concat" ? -3 * 8 : 0)  // the index output has no batch
        << one.layers[i].name;
  }
}

TEST_P(ZooNetwork, RefusesABatchBelowOneAndOneBeyondCaffe2) {
  for (int64_t batch : {int64_t{0}, int64_t{-1}, int64_t{1} << 30, int64_t{1} << 62}) {
    EXPECT_EQ(GetParam().build(batch, 1).status().code(), absl::StatusCode::kInvalidArgument)
        << batch;
  }
}

TEST_P(ZooNetwork, NeedsLessMemoryThanCaffe2KeepsAndAtLeastItsLargestOperator) {
  const Model model = GetParam().build(1, 1).value();
  EXPECT_LE(model.peak_activation_bytes, model.activation_bytes);
  int64_t largest = 0;
  for (const Layer& layer : model.layers) largest = std::max(largest, layer.cost.bytes_written);
  EXPECT_GE(model.peak_activation_bytes, largest);
}

TEST_P(ZooNetwork, HasUniqueLayerNamesWhichItsOperatorsCarry) {
  const Model model = GetParam().build(1, 1).value();
  std::map<std::string, int> names;
  ASSERT_EQ(model.predict.op_size(), static_cast<int>(model.layers.size()));
  for (size_t i = 0; i < model.layers.size(); ++i) {
    EXPECT_EQ(++names[model.layers[i].name], 1) << model.layers[i].name;
    EXPECT_EQ(model.predict.op(static_cast<int>(i)).name(), model.layers[i].name);
  }
}

TEST(ZooAlexNet, HasTheReferenceModelsLayers) {
  const Model model = Make("alexnet");
  EXPECT_THAT(
      CountTypes(model),
      UnorderedElementsAre(Pair("Conv", 5), Pair("Relu", 7), Pair("LRN", 2), Pair("MaxPool", 3),
                           Pair("FC", 3), Pair("Dropout", 2), Pair("Softmax", 1)));
  EXPECT_THAT(ShapeOf(model, "conv1"), ElementsAre(1, 96, 55, 55));
  EXPECT_THAT(ShapeOf(model, "pool2"), ElementsAre(1, 256, 13, 13));
  EXPECT_THAT(ShapeOf(model, "pool5"), ElementsAre(1, 256, 6, 6));
  EXPECT_EQ(FindLayer(model, "conv2").cost.macs, 223'948'800);
  EXPECT_EQ(model.total.params, 60'965'224);  // the file of the reference model
  EXPECT_EQ(CountMacs(model, MacScope::kAll), 724'406'816);
}

TEST(ZooSqueezeNet, HasThePapersModules) {
  const Model model = Make("squeezenet");
  EXPECT_THAT(CountTypes(model),
              UnorderedElementsAre(Pair("Conv", 26), Pair("Relu", 26), Pair("MaxPool", 3),
                                   Pair("Concat", 8), Pair("Dropout", 1), Pair("AveragePool", 1),
                                   Pair("Softmax", 1)));
  EXPECT_THAT(ShapeOf(model, "conv1"), ElementsAre(1, 96, 111, 111));
  EXPECT_THAT(ShapeOf(model, "fire2/concat"), ElementsAre(1, 128, 55, 55));
  EXPECT_THAT(ShapeOf(model, "fire8/concat"), ElementsAre(1, 512, 27, 27));
  EXPECT_THAT(ShapeOf(model, "fire9/concat"), ElementsAre(1, 512, 13, 13));
  EXPECT_EQ(model.total.params, 1'248'424);  // the paper's table 1, before pruning
}

TEST(ZooSqueezeNet11, PoolsEarlierThanVersion10) {
  const Model model = Make("squeezenet1.1");
  EXPECT_THAT(ShapeOf(model, "conv1"), ElementsAre(1, 64, 111, 111));
  EXPECT_THAT(ShapeOf(model, "pool3"), ElementsAre(1, 128, 27, 27));
  EXPECT_THAT(ShapeOf(model, "pool5"), ElementsAre(1, 256, 13, 13));
  EXPECT_THAT(ShapeOf(model, "conv10"), ElementsAre(1, 1000, 13, 13));
  EXPECT_EQ(model.total.params, 1'235'496);
}

TEST(ZooResNet50, HasThePapersStagesWithTheStrideInTheFirst1x1) {
  const Model model = Make("resnet50");
  EXPECT_THAT(CountTypes(model),
              UnorderedElementsAre(Pair("Conv", 53), Pair("SpatialBN", 53), Pair("Relu", 49),
                                   Pair("Sum", 16), Pair("MaxPool", 1), Pair("AveragePool", 1),
                                   Pair("FC", 1), Pair("Softmax", 1)));
  EXPECT_THAT(ShapeOf(model, "pool1"), ElementsAre(1, 64, 56, 56));
  EXPECT_THAT(ShapeOf(model, "res2c"), ElementsAre(1, 256, 56, 56));
  EXPECT_THAT(ShapeOf(model, "res3a_branch2a"), ElementsAre(1, 128, 28, 28));  // v1, not v1.5
  EXPECT_THAT(ShapeOf(model, "res3d"), ElementsAre(1, 512, 28, 28));
  EXPECT_THAT(ShapeOf(model, "res4f"), ElementsAre(1, 1024, 14, 14));
  EXPECT_THAT(ShapeOf(model, "res5c"), ElementsAre(1, 2048, 7, 7));
  EXPECT_EQ(model.total.params, 25'557'032);
  EXPECT_EQ(model.total.statistics, 53'120);  // mean and variance of 26560 channels
}

TEST(ZooMobileNet, Has13SeparableConvolutions) {
  const Model model = Make("mobilenet");
  EXPECT_THAT(CountTypes(model),
              UnorderedElementsAre(Pair("Conv", 27), Pair("SpatialBN", 27), Pair("Relu", 27),
                                   Pair("AveragePool", 1), Pair("FC", 1), Pair("Softmax", 1)));
  EXPECT_THAT(ShapeOf(model, "conv2_1/dw"), ElementsAre(1, 32, 112, 112));
  EXPECT_THAT(ShapeOf(model, "conv5_6/sep"), ElementsAre(1, 1024, 7, 7));
  EXPECT_THAT(ShapeOf(model, "conv6/sep"), ElementsAre(1, 1024, 7, 7));
  EXPECT_EQ(FindLayer(model, "conv2_1/dw").cost.macs, 3'612'672);
  EXPECT_EQ(model.total.params, 4'231'976);
  // The paper's table 2: 94.86 % of the MACs in 1x1 convolutions, 3.06 % in 3x3 depthwise ones.
  double pointwise = 0, depthwise = 0;
  for (const Layer& layer : model.layers) {
    if (layer.name.ends_with("/sep")) pointwise += static_cast<double>(layer.cost.macs);
    if (layer.name.ends_with("/dw")) depthwise += static_cast<double>(layer.cost.macs);
  }
  EXPECT_NEAR(pointwise / static_cast<double>(model.total.macs), 0.9486, 0.001);
  EXPECT_NEAR(depthwise / static_cast<double>(model.total.macs), 0.0306, 0.001);
}

TEST(FindModel, SuggestsTheNearestNameAndListsAll) {
  const std::string error = FindModel("sqeezenet").status().ToString();
  EXPECT_EQ(FindModel("sqeezenet").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(error, HasSubstr("did you mean 'squeezenet'?"));
  for (const ZooEntry& entry : Zoo()) EXPECT_THAT(error, HasSubstr(std::string(entry.name)));
  EXPECT_THAT(FindModel("resnet-50").status().ToString(), HasSubstr("did you mean 'resnet50'?"));
}

TEST(FindModel, SuggestsNothingWhereNothingIsNear) {
  EXPECT_THAT(FindModel("transformer-xl").status().ToString(), Not(HasSubstr("did you mean")));
  EXPECT_EQ(FindModel("").status().code(), absl::StatusCode::kNotFound);
  EXPECT_LT(FindModel(std::string(1'000'000, 'x')).status().message().size(), 300u);
}

TEST(Zoo, IsSortedByName) {
  EXPECT_TRUE(std::is_sorted(Zoo().begin(), Zoo().end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
}

}  // namespace
}  // namespace synergy
