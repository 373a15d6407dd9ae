#include "client/predict/op_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/models/zoo.h"

namespace synergy {
namespace {

Model Zoo(std::string_view name) { return *(*FindModel(name))->build(1, 1); }

Eigen::Index RowOf(const FeatureTable& table, std::string_view layer) {
  const auto found = std::ranges::find(table.layers, layer);
  EXPECT_NE(found, table.layers.end()) << layer;
  return found - table.layers.begin();
}

TEST(OpFeatures, AreThoseOfTheNetworksOperators) {
  const Model model = Zoo("squeezenet");
  const FeatureTable table = FeaturesOf(model, 1.734);
  EXPECT_EQ(table.rows(), static_cast<Eigen::Index>(model.layers.size()));
  EXPECT_EQ(table.Find("macs")->sum(), static_cast<double>(CountMacs(model, MacScope::kAll)));
  EXPECT_EQ(table.Find("frequency")->minCoeff(), 1.734);
  // 7 x 7 of 3 channels in steps of 2: 111 x 111 patches.
  const Eigen::Index conv1 = RowOf(table, "conv1");
  EXPECT_EQ((*table.Find("kernel"))[conv1], 49);
  EXPECT_EQ((*table.Find("stride"))[conv1], 2);
  EXPECT_EQ((*table.Find("channels"))[conv1], 3);
  EXPECT_EQ((*table.Find("im2col_bytes"))[conv1], 4.0 * 111 * 111 * 49 * 3);
  const Eigen::Index squeeze = RowOf(table, "fire2/squeeze1x1");
  EXPECT_EQ((*table.Find("im2col_bytes"))[squeeze], 0) << "a window of one is not unrolled";
}

TEST(OpFeatures, DepthwiseConvolutionsHaveATypeOfTheirOwn) {
  const FeatureTable table = FeaturesOf(Zoo("mobilenet"), std::nullopt);
  EXPECT_EQ(table.Find("frequency"), nullptr);
  double depthwise = 0;
  for (size_t i = 0; i < table.types.size(); ++i) {
    if (ClassOfType(table.types[i]) != OpClass::kDepthwise) continue;
    EXPECT_EQ((*table.Find("channels"))[static_cast<Eigen::Index>(i)], 1);
    depthwise += (*table.Find("macs"))[static_cast<Eigen::Index>(i)];
  }
  const FeatureTable network = table.ByRun();
  ASSERT_EQ(network.rows(), 1);
  const double share = depthwise / table.Find("macs")->sum();
  EXPECT_DOUBLE_EQ((*network.Find("depthwise_share"))[0], share);
  EXPECT_NEAR(share, 0.03, 0.005) << "of the paper's table 2";
}

TEST(OpFeatures, GroupedConvolutionsAreNoDepthwiseOnes) {
  const FeatureTable table = FeaturesOf(Zoo("alexnet"), std::nullopt);
  const Eigen::Index conv2 = RowOf(table, "conv2");
  EXPECT_EQ((*table.Find("groups"))[conv2], 2);
  EXPECT_EQ(table.types[static_cast<size_t>(conv2)], "Conv");
}

// Two operators, measured twice, of which `counts` were counted of an execution.
RunReport Measured(const std::vector<std::string>& events,
                   const std::vector<std::vector<std::optional<MeanCount>>>& counts) {
  RunReport report;
  report.header.mutable_job()->set_net_name("net");
  report.attribution.rails = {"VDD_IN"};
  report.attribution.iterations = 2;
  report.estimates.emplace_back(RailEnergy{});
  report.counted.emplace();
  for (const std::string& name : events) report.counted->add_events()->set_name(name);
  for (uint32_t i = 0; i < counts.size(); ++i) {
    OpReport op;
    op.info.set_index(i);
    op.info.set_type("Relu");
    op.info.set_has_cost(true);
    op.result.op = i;
    op.result.executions = 2;
    op.estimate.emplace_back(
        OperatorEnergy{.energy_j = Estimate{1, 0.9, 1.1}, .dynamic_j = {}, .group = {}});
    op.counts = counts[i];
    report.ops.push_back(std::move(op));
  }
  return report;
}

TEST(OpFeatures, AreWhatWasCountedOfAllOperatorsOfARun) {
  using Counts = std::vector<std::optional<MeanCount>>;
  const MeanCount five{.mean = 5, .sd = {}, .executions = 2},
      nine{.mean = 9, .sd = {}, .executions = 1};
  FeatureTable table;
  ASSERT_TRUE(AddRun(Measured({"simd", "bus"}, {Counts{five, nine}, Counts{nine, std::nullopt}}),
                     "VDD_IN", "run 1", &table)
                  .ok());
  ASSERT_EQ(table.rows(), 2);
  ASSERT_NE(table.Find("simd"), nullptr);
  EXPECT_EQ((*table.Find("simd"))[0], 5);
  EXPECT_EQ((*table.Find("simd"))[1], 9);
  EXPECT_EQ(table.Find("bus"), nullptr) << "the second operator was never counted";
  EXPECT_EQ((*table.ByRun().Find("simd"))[0], 14);
  ASSERT_TRUE(AddRun(Measured({}, {Counts{}}), "VDD_IN", "run 2", &table).ok());
  ASSERT_NE(table.Find("simd"), nullptr) << "one run without takes them from no other";
  EXPECT_EQ((*table.Find("simd"))[1], 9);
  EXPECT_TRUE(table.Find("simd")->tail(table.rows() - 2).array().isNaN().all());
  FeatureTable behind;
  ASSERT_TRUE(AddRun(Measured({}, {Counts{}}), "VDD_IN", "run 2", &behind).ok());
  ASSERT_TRUE(AddRun(Measured({"simd"}, {Counts{five}}), "VDD_IN", "run 3", &behind).ok());
  EXPECT_TRUE(std::isnan((*behind.Find("simd"))[0]));
  EXPECT_EQ((*behind.Find("simd"))[behind.rows() - 1], 5);
}

TEST(OpFeatures, ATemperatureIsTheCpusOverTheRun) {
  RunReport report = Measured({}, {{}});
  EXPECT_EQ(TemperatureOf(report), std::nullopt);
  report.conditions.temperatures = {
      {.zone = "GPU-therm", .begin_c = 30, .end_c = 30, .highest_c = 30},
      {.zone = "CPU-therm", .begin_c = 40, .end_c = 50, .highest_c = 60}};
  EXPECT_EQ(TemperatureOf(report), 45);
  FeatureTable table;
  ASSERT_TRUE(AddRun(report, "VDD_IN", "run 1", &table).ok());
  EXPECT_EQ(table.Find("temperature")->minCoeff(), 45);
  EXPECT_EQ((*table.ByRun().Find("temperature"))[0], 45) << "no sum of operators";
}

TEST(ClassOfType, KnowsTypesOfCaffe2AndWordsOfTables) {
  EXPECT_EQ(ClassOfType("Conv"), OpClass::kConvolution);
  EXPECT_EQ(ClassOfType("conv"), OpClass::kConvolution);
  EXPECT_EQ(ClassOfType("FC"), OpClass::kFullyConnected);
  EXPECT_EQ(ClassOfType("AveragePool"), OpClass::kPooling);
  EXPECT_EQ(ClassOfType("SpatialBN"), OpClass::kNormalisation);
  EXPECT_EQ(ClassOfType("LRN"), OpClass::kLocalNormalisation);
  EXPECT_EQ(ClassOfType("PRelu"), OpClass::kActivation);
  EXPECT_EQ(ClassOfType("Sum"), OpClass::kElementwise);
  EXPECT_EQ(ClassOfType("DepthConcat"), OpClass::kConcat);
  EXPECT_EQ(ClassOfType("Dropout"), OpClass::kConcat);
  EXPECT_EQ(ClassOfType("Mystery"), OpClass::kOther);
}

}  // namespace
}  // namespace synergy
