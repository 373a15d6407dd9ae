// The networks of the zoo beside the tables of their papers: how many operators of which type, and
// the shape that each stage leaves.

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "client/models/zoo.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using ::testing::IsSupersetOf;

Model Make(std::string_view name) { return FindModel(name).value()->build(1, 1).value(); }

using TypeCounts = std::map<std::string, int>;

TypeCounts CountTypes(const Model& model) {
  TypeCounts types;
  for (const Layer& layer : model.layers) ++types[layer.type];
  return types;
}

const Layer& FindLayer(const Model& model, std::string_view name) {
  auto it = std::find_if(model.layers.begin(), model.layers.end(),
                         [&](const Layer& layer) { return layer.name == name; });
  EXPECT_NE(it, model.layers.end()) << name;
  return *it;
}

struct Stage {
  std::string_view layer;
  std::vector<int64_t> shape;  // {channels, height, width} or {channels}
};

struct Table {
  std::string_view network;
  TypeCounts types;  // all that it has
  std::vector<Stage> stages;
};

// Found by GoogleTest through the type's namespace.
void PrintTo(const Table& table, std::ostream* out) { *out << table.network; }

// What the members of a family share.
const TypeCounts kMobileNet = {{"Conv", 27},       {"SpatialBN", 27}, {"Relu", 27},
                               {"AveragePool", 1}, {"FC", 1},         {"Softmax", 1}};
const TypeCounts kSqueezeNet = {{"Conv", 26},   {"Relu", 26},       {"MaxPool", 3}, {"Concat", 8},
                                {"Dropout", 1}, {"AveragePool", 1}, {"Softmax", 1}};
TypeCounts ResNet(int convolutions, int relus, int sums) {
  return {{"Conv", convolutions}, {"SpatialBN", convolutions}, {"Relu", relus}, {"Sum", sums},
          {"MaxPool", 1},         {"AveragePool", 1},          {"FC", 1},       {"Softmax", 1}};
}

const Table kTables[] = {
    {"alexnet",
     {{"Conv", 5},
      {"Relu", 7},
      {"LRN", 2},
      {"MaxPool", 3},
      {"FC", 3},
      {"Dropout", 2},
      {"Softmax", 1}},
     {{"conv1", {96, 55, 55}},
      {"pool1", {96, 27, 27}},
      {"pool2", {256, 13, 13}},
      {"conv3", {384, 13, 13}},
      {"pool5", {256, 6, 6}},
      {"fc6", {4096}},
      {"fc8", {1000}}}},
    {"all_cnn_c",
     {{"Conv", 9}, {"Relu", 9}, {"Dropout", 3}, {"AveragePool", 1}, {"Softmax", 1}},
     {{"conv2", {96, 32, 32}},
      {"conv3", {96, 16, 16}},
      {"conv6", {192, 8, 8}},
      {"conv7", {192, 6, 6}},
      {"conv9", {10, 6, 6}}}},
    {"densenet121",
     {{"Conv", 120},
      {"SpatialBN", 121},
      {"Relu", 121},
      {"Concat", 58},
      {"MaxPool", 1},
      {"AveragePool", 4},
      {"FC", 1},
      {"Softmax", 1}},
     {{"conv0", {64, 112, 112}},
      {"pool0", {64, 56, 56}},
      {"denseblock1/denselayer6/concat", {256, 56, 56}},
      {"transition1/pool", {128, 28, 28}},
      {"denseblock2/denselayer12/concat", {512, 28, 28}},
      {"transition2/pool", {256, 14, 14}},
      {"denseblock3/denselayer24/concat", {1024, 14, 14}},
      {"transition3/pool", {512, 7, 7}},
      {"denseblock4/denselayer16/concat", {1024, 7, 7}}}},
    {"googlenet",
     {{"Conv", 57},
      {"Relu", 57},
      {"LRN", 2},
      {"MaxPool", 13},
      {"Concat", 9},
      {"AveragePool", 1},
      {"Dropout", 1},
      {"FC", 1},
      {"Softmax", 1}},
     {{"conv1/7x7_s2", {64, 112, 112}},
      {"pool1/3x3_s2", {64, 56, 56}},
      {"conv2/3x3", {192, 56, 56}},
      {"pool2/3x3_s2", {192, 28, 28}},
      {"inception_3a/output", {256, 28, 28}},
      {"inception_3b/output", {480, 28, 28}},
      {"inception_4a/output", {512, 14, 14}},
      {"inception_4d/output", {528, 14, 14}},
      {"inception_4e/output", {832, 14, 14}},
      {"inception_5b/output", {1024, 7, 7}},
      {"pool5/7x7_s1", {1024, 1, 1}}}},
    {"inception_bn",
     {{"Conv", 69},
      {"SpatialBN", 69},
      {"Relu", 69},
      {"MaxPool", 5},
      {"AveragePool", 8},
      {"Concat", 10},
      {"FC", 1},
      {"Softmax", 1}},
     {{"conv1", {96, 112, 112}},
      {"conv2", {288, 56, 56}},
      {"pool2", {288, 28, 28}},
      {"inception_3a/output", {384, 28, 28}},
      {"inception_3b/output", {480, 28, 28}},
      {"inception_3c/output", {864, 14, 14}},
      {"inception_4a/output", {576, 14, 14}},
      {"inception_4e/output", {960, 7, 7}},
      {"inception_5b/output", {1024, 7, 7}}}},
    {"inception_v3",
     {{"Conv", 94},
      {"SpatialBN", 94},
      {"Relu", 94},
      {"MaxPool", 4},
      {"AveragePool", 10},
      {"Concat", 15},
      {"Dropout", 1},
      {"FC", 1},
      {"Softmax", 1}},
     {{"Conv2d_1a_3x3", {32, 149, 149}},
      {"Conv2d_2a_3x3", {32, 147, 147}},
      {"maxpool1", {64, 73, 73}},
      {"Conv2d_4a_3x3", {192, 71, 71}},
      {"maxpool2", {192, 35, 35}},
      {"Mixed_5b/output", {256, 35, 35}},
      {"Mixed_5d/output", {288, 35, 35}},
      {"Mixed_6a/output", {768, 17, 17}},
      {"Mixed_6e/output", {768, 17, 17}},
      {"Mixed_7a/output", {1280, 8, 8}},
      {"Mixed_7c/output", {2048, 8, 8}}}},
    {"mobilenet",
     kMobileNet,
     {{"conv2_1/dw", {32, 112, 112}},
      {"conv2_1/sep", {64, 112, 112}},
      {"conv3_1/sep", {128, 56, 56}},
      {"conv4_1/sep", {256, 28, 28}},
      {"conv5_5/sep", {512, 14, 14}},
      {"conv6/sep", {1024, 7, 7}}}},
    {"mobilenet_0.25", kMobileNet, {{"conv2_1/dw", {8, 112, 112}}, {"conv6/sep", {256, 7, 7}}}},
    {"mobilenet_0.5", kMobileNet, {{"conv2_1/dw", {16, 112, 112}}, {"conv6/sep", {512, 7, 7}}}},
    {"mobilenet_0.75", kMobileNet, {{"conv2_1/dw", {24, 112, 112}}, {"conv6/sep", {768, 7, 7}}}},
    {"mobilenet_v2",
     {{"Conv", 52},
      {"SpatialBN", 52},
      {"Clip", 35},
      {"Sum", 10},
      {"AveragePool", 1},
      {"Dropout", 1},
      {"FC", 1},
      {"Softmax", 1}},
     {{"conv1", {32, 112, 112}},
      {"bottleneck1_1/project", {16, 112, 112}},
      {"bottleneck2_1/expand", {96, 112, 112}},
      {"bottleneck2_2/sum", {24, 56, 56}},
      {"bottleneck3_3/sum", {32, 28, 28}},
      {"bottleneck4_4/sum", {64, 14, 14}},
      {"bottleneck5_3/sum", {96, 14, 14}},
      {"bottleneck6_3/sum", {160, 7, 7}},
      {"bottleneck7_1/project", {320, 7, 7}},
      {"conv9", {1280, 7, 7}}}},
    {"nin",
     {{"Conv", 12},
      {"Relu", 12},
      {"MaxPool", 3},
      {"AveragePool", 1},
      {"Dropout", 1},
      {"Softmax", 1}},
     {{"cccp2", {96, 54, 54}},
      {"cccp4", {256, 27, 27}},
      {"cccp6", {384, 13, 13}},
      {"cccp8-1024", {1000, 6, 6}},
      {"pool4", {1000, 1, 1}}}},
    {"places_cnds_8s",
     {{"Conv", 8}, {"Relu", 10}, {"MaxPool", 5}, {"FC", 3}, {"Dropout", 2}, {"Softmax", 1}},
     {{"conv1", {64, 111, 111}},
      {"conv2", {128, 55, 55}},
      {"conv3_2", {256, 28, 28}},
      {"conv4_2", {512, 14, 14}},
      {"conv5_2", {512, 7, 7}},
      {"pool5", {512, 4, 4}},
      {"fc8", {205}}}},
    {"resnet18",
     ResNet(20, 17, 8),
     {{"conv1", {64, 112, 112}},
      {"pool1", {64, 56, 56}},
      {"res2b/sum", {64, 56, 56}},
      {"res3b/sum", {128, 28, 28}},
      {"res4b/sum", {256, 14, 14}},
      {"res5b/sum", {512, 7, 7}}}},
    {"resnet34",
     ResNet(36, 33, 16),
     {{"res2c/sum", {64, 56, 56}},
      {"res3d/sum", {128, 28, 28}},
      {"res4f/sum", {256, 14, 14}},
      {"res5c/sum", {512, 7, 7}}}},
    {"resnet50",
     ResNet(53, 49, 16),
     {{"res2c/sum", {256, 56, 56}},
      {"res3a/branch2a", {128, 28, 28}},  // version 1
      {"res3d/sum", {512, 28, 28}},
      {"res4f/sum", {1024, 14, 14}},
      {"res5c/sum", {2048, 7, 7}}}},
    {"resnet50_v1.5",
     ResNet(53, 49, 16),
     {{"res3a/branch2a", {128, 56, 56}},
      {"res3a/branch2b", {128, 28, 28}},
      {"res5c/sum", {2048, 7, 7}}}},
    {"resnet101",
     ResNet(104, 100, 33),
     {{"res3d/sum", {512, 28, 28}},
      {"res4a/sum", {1024, 14, 14}},
      {"res4b22/sum", {1024, 14, 14}},
      {"res5c/sum", {2048, 7, 7}}}},
    {"resnet152",
     ResNet(155, 151, 50),
     {{"res3b7/sum", {512, 28, 28}}, {"res4b35/sum", {1024, 14, 14}}, {"res5c/sum", {2048, 7, 7}}}},
    {"shufflenet_v2_x1_0",
     {{"Conv", 56},
      {"SpatialBN", 56},
      {"Relu", 37},
      {"Split", 13},
      {"Concat", 16},
      {"ChannelShuffle", 16},
      {"MaxPool", 1},
      {"AveragePool", 1},
      {"FC", 1},
      {"Softmax", 1}},
     {{"conv1", {24, 112, 112}},
      {"maxpool", {24, 56, 56}},
      {"stage2_4/shuffle", {116, 28, 28}},
      {"stage3_8/shuffle", {232, 14, 14}},
      {"stage4_4/shuffle", {464, 7, 7}},
      {"conv5", {1024, 7, 7}}}},
    {"squeezenet",
     kSqueezeNet,
     {{"conv1", {96, 111, 111}},
      {"fire2/concat", {128, 55, 55}},
      {"fire4/concat", {256, 55, 55}},
      {"fire8/concat", {512, 27, 27}},
      {"fire9/concat", {512, 13, 13}},
      {"conv10", {1000, 15, 15}}}},
    {"squeezenet1.1",
     kSqueezeNet,
     {{"conv1", {64, 111, 111}},
      {"pool3", {128, 27, 27}},
      {"pool5", {256, 13, 13}},
      {"conv10", {1000, 13, 13}}}},
    {"squeezenet_residual",
     {{"Conv", 26},
      {"Relu", 26},
      {"MaxPool", 3},
      {"Concat", 8},
      {"Sum", 4},
      {"Dropout", 1},
      {"AveragePool", 1},
      {"Softmax", 1}},
     {{"fire3/EltAdd", {128, 55, 55}},
      {"fire5/EltAdd", {256, 27, 27}},
      {"fire7/EltAdd", {384, 27, 27}},
      {"fire9/EltAdd", {512, 13, 13}}}},
    {"vgg16",
     {{"Conv", 13}, {"Relu", 15}, {"MaxPool", 5}, {"FC", 3}, {"Dropout", 2}, {"Softmax", 1}},
     {{"conv1_2", {64, 224, 224}},
      {"conv2_2", {128, 112, 112}},
      {"conv3_3", {256, 56, 56}},
      {"conv4_3", {512, 28, 28}},
      {"conv5_3", {512, 14, 14}},
      {"pool5", {512, 7, 7}},
      {"fc7", {4096}}}},
    {"vgg19",
     {{"Conv", 16}, {"Relu", 18}, {"MaxPool", 5}, {"FC", 3}, {"Dropout", 2}, {"Softmax", 1}},
     {{"conv3_4", {256, 56, 56}}, {"conv5_4", {512, 14, 14}}, {"pool5", {512, 7, 7}}}},
    {"vgg_cnn_s",
     {{"Conv", 5},
      {"Relu", 7},
      {"LRN", 1},
      {"MaxPool", 3},
      {"FC", 3},
      {"Dropout", 2},
      {"Softmax", 1}},
     {{"conv1", {96, 109, 109}},
      {"pool1", {96, 37, 37}},
      {"conv2", {256, 33, 33}},
      {"pool2", {256, 17, 17}},
      {"pool5", {512, 6, 6}}}},
    {"wide_resnet50_2",
     ResNet(53, 49, 16),
     {{"res2a/branch2b", {128, 56, 56}},
      {"res5c/branch2b", {1024, 7, 7}},
      {"res5c/sum", {2048, 7, 7}}}},
};

class PapersTable : public ::testing::TestWithParam<Table> {};

std::string TestName(const ::testing::TestParamInfo<Table>& info) {
  std::string name(info.param.network);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Zoo, PapersTable, ::testing::ValuesIn(kTables), TestName);

TEST_P(PapersTable, HasTheOperators) {
  EXPECT_EQ(CountTypes(Make(GetParam().network)), GetParam().types);
}

TEST_P(PapersTable, HasTheStagesShapes) {
  const Model model = Make(GetParam().network);
  for (const Stage& stage : GetParam().stages) {
    std::vector<int64_t> shape = {1};
    shape.insert(shape.end(), stage.shape.begin(), stage.shape.end());
    EXPECT_EQ(FindLayer(model, stage.layer).outputs[0].dims, shape) << stage.layer;
  }
}

TEST(PapersTables, LeaveNoNetworkOut) {
  std::set<std::string_view> tables;
  for (const Table& table : kTables) tables.insert(table.network);
  for (const ZooEntry& entry : Zoo()) EXPECT_TRUE(tables.contains(entry.name)) << entry.name;
}

TEST(ZooAlexNet, HasTheReferenceModelsCounts) {
  const Model model = Make("alexnet");
  EXPECT_EQ(FindLayer(model, "conv2").cost.macs, 223'948'800);
  EXPECT_EQ(model.total.params, 60'965'224);  // the file of the reference model
  EXPECT_EQ(CountMacs(model, MacScope::kAll), 724'406'816);
}

TEST(ZooResNet50, HasRunningStatisticsBesideItsParameters) {
  EXPECT_EQ(Make("resnet50").total.statistics, 53'120);  // mean and variance of 26560 channels
}

TEST(ZooMobileNet, SpendsItsWorkAsThePaperSays) {
  const Model model = Make("mobilenet");
  EXPECT_EQ(FindLayer(model, "conv2_1/dw").cost.macs, 3'612'672);
  // Table 2: 94.86 % of the MACs in 1x1 convolutions, 3.06 % in 3x3 depthwise ones.
  double pointwise = 0, depthwise = 0;
  for (const Layer& layer : model.layers) {
    if (layer.name.ends_with("/sep")) pointwise += static_cast<double>(layer.cost.macs);
    if (layer.name.ends_with("/dw")) depthwise += static_cast<double>(layer.cost.macs);
  }
  EXPECT_NEAR(pointwise / static_cast<double>(model.total.macs), 0.9486, 0.001);
  EXPECT_NEAR(depthwise / static_cast<double>(model.total.macs), 0.0306, 0.001);
}

TEST(ZooInceptionV3, HasTheAsymmetricConvolutionsOfThePaper) {
  std::map<std::vector<int64_t>, int> filters;  // by height and width
  for (const Layer& layer : Make("inception_v3").layers) {
    if (layer.type != "Conv") continue;
    const std::vector<int64_t>& dims = layer.inputs[1].dims;
    ++filters[{dims[2], dims[3]}];
  }
  const std::map<std::vector<int64_t>, int> expected = {{{1, 7}, 13}, {{7, 1}, 13}, {{1, 3}, 4},
                                                        {{3, 1}, 4},  {{5, 5}, 3},  {{1, 1}, 40},
                                                        {{3, 3}, 17}};
  EXPECT_EQ(filters, expected);
}

TEST(ZooNames, AreThePapersModules) {
  std::set<std::string> names;
  for (const char* network : {"squeezenet", "googlenet", "inception_bn", "resnet101"}) {
    for (const Layer& layer : Make(network).layers) names.insert(layer.name);
  }
  EXPECT_THAT(names, IsSupersetOf({"fire2/expand3x3", "inception_3a/5x5",
                                   "inception_3a/double_3x3_1", "res4b22/branch2c"}));
}

}  // namespace
}  // namespace synergy
