#include "client/predict/op_features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/models/zoo.h"
#include "client/predict/run_scope.h"

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

TEST(OpFeatures, AWindowIsWhatTheArgumentsSay) {
  const FeatureTable table = FeaturesOf(Zoo("squeezenet"), std::nullopt);
  const Eigen::Index pool1 = RowOf(table, "pool1"), pool10 = RowOf(table, "pool10");
  EXPECT_EQ((*table.Find("kernel"))[pool1], 9);
  EXPECT_EQ((*table.Find("stride"))[pool1], 2);
  EXPECT_GT((*table.Find("kernel"))[pool10], 100) << "it is global";
  EXPECT_EQ((*table.Find("stride"))[pool10], 1);
}

TEST(OpFeatures, IntensityIsOperationsByTheByte) {
  const FeatureTable table = FeaturesOf(Zoo("resnet18"), std::nullopt);
  const Eigen::VectorXd &flops = *table.Find("flops"), &bytes = *table.Find("bytes");
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    EXPECT_EQ((*table.Find("intensity"))[i], bytes[i] > 0 ? flops[i] / bytes[i] : 0);
  }
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

// Runs do not record the arguments: of all windows of the zoo these are what is found.
TEST(OpFeatures, WindowsThatWereNotRecordedAreFound) {
  for (const ZooEntry& entry : synergy::Zoo()) {
    const Model model = *entry.build(1, 1);
    RunReport report =
        Measured({}, std::vector<std::vector<std::optional<MeanCount>>>(model.layers.size()));
    for (size_t i = 0; i < model.layers.size(); ++i) {
      const Layer& layer = model.layers[i];
      v1::OperatorInfo& info = report.ops[i].info;
      info.set_name(layer.name);
      info.set_type(layer.type);
      info.set_flops(layer.cost.flops);
      for (const auto& [blobs, shapes] : {std::pair(&layer.inputs, info.mutable_inputs()),
                                          std::pair(&layer.outputs, info.mutable_outputs())}) {
        for (const BlobShape& blob : *blobs) {
          shapes->Add()->mutable_dims()->Assign(blob.dims.begin(), blob.dims.end());
        }
      }
    }
    FeatureTable derived;
    ASSERT_TRUE(AddRun(report, "VDD_IN", model.name, &derived).ok());
    const FeatureTable said = FeaturesOf(model, std::nullopt);
    for (const char* const feature : {"kernel", "stride", "groups"}) {
      for (Eigen::Index i = 0; i < said.rows(); ++i) {
        EXPECT_EQ((*derived.Find(feature))[i], (*said.Find(feature))[i])
            << model.name << " " << said.layers[static_cast<size_t>(i)] << " " << feature;
      }
    }
  }
}

TEST(OpFeatures, AWindowWithoutPaddingHasNoLongerStep) {
  RunReport report = Measured({}, {{}});
  v1::OperatorInfo& info = report.ops[0].info;
  info.set_type("Conv");
  for (const auto& dims : {std::vector<int64_t>{1, 4, 5, 5}, {8, 4, 3, 3}}) {
    info.add_inputs()->mutable_dims()->Assign(dims.begin(), dims.end());
  }
  const std::vector<int64_t> out = {1, 8, 3, 3};
  info.add_outputs()->mutable_dims()->Assign(out.begin(), out.end());
  FeatureTable table;
  ASSERT_TRUE(AddRun(report, "VDD_IN", "run 1", &table).ok());
  EXPECT_EQ((*table.Find("stride"))[0], 1);
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

// Of a fuel gauge: nothing of operators, the network's integral.
RunReport OfGauge(double joules) {
  RunReport report = Measured({}, {{}, {}, {}});
  report.estimates[0]->why_not = "it is not known which span of time its readings integrate";
  report.per_inference.push_back({.energy_j = Estimate{joules, joules, joules},
                                  .energy_delay_js = {},
                                  .inferences_per_j = {},
                                  .gflops_per_s_per_w = {}});
  for (OpReport& op : report.ops) op.info.set_macs(7);
  return report;
}

TEST(OpFeatures, ARunWithoutEnergiesOfOperatorsIsAWholeNetwork) {
  FeatureTable table;
  ASSERT_TRUE(AddRun(Measured({}, {{}, {}}), "VDD_IN", "run 1", &table).ok());
  ASSERT_TRUE(AddRun(OfGauge(0.5), "VDD_IN", "run 2", &table).ok());
  EXPECT_EQ(table.whole_runs, std::vector<std::string>{"run 2"});
  const FeatureTable networks = table.ByRun();
  ASSERT_EQ(networks.rows(), 2);
  EXPECT_EQ(networks.energy_j[1], 0.5);
  EXPECT_EQ((*networks.Find("macs"))[1], 21) << "features are those of all operators";
  RunReport nothing = OfGauge(0.5);
  nothing.per_inference[0].energy_j.reset();
  EXPECT_EQ(AddRun(nothing, "VDD_IN", "run 3", &table).code(), absl::StatusCode::kNotFound);
}

TEST(OpFeatures, AClockIsThatOfTheCoresThatTheJobHad) {
  RunReport report = Measured({}, {{}});
  report.header.mutable_board()->set_cpus(4);
  report.conditions.clocks = {
      {.clock = "policy0", .lowest_hz = 1'000'000'000, .highest_hz = 1'000'000'000},
      {.clock = "policy2", .lowest_hz = 1'900'000'000, .highest_hz = 2'100'000'000},
      {.clock = "gpu", .lowest_hz = 500'000'000, .highest_hz = 500'000'000}};
  EXPECT_THAT(CoreClocks(report), testing::ElementsAre(1, 1, 2, 2));
  EXPECT_EQ(FrequencyOf(report), 1.5);
  v1::ClockRequest& asked = *report.header.mutable_job()->mutable_clocks();
  asked.add_cpus(2);
  asked.add_cpus(3);
  EXPECT_THAT(CoreClocks(report), testing::ElementsAre(2, 2));
  EXPECT_EQ(FrequencyOf(report), 2);
}

TEST(OpFeatures, TheWholeBoardsRailContainsAllOthers) {
  RunReport report = Measured({}, {{}});
  const auto set = [&](std::vector<std::pair<std::string, std::string>> rails) {
    report.attribution.rails.clear();
    report.header.mutable_board()->clear_rails();
    report.estimates.assign(rails.size(), RailEnergy{});
    for (const auto& [name, contained_in] : rails) {
      report.attribution.rails.push_back(name);
      v1::RailInfo& info = *report.header.mutable_board()->add_rails();
      info.set_name(name);
      info.set_contained_in(contained_in);
    }
  };
  set({{"VDD_IN", ""}, {"VDD_CPU", "VDD_IN"}, {"VDD_GPU", "VDD_IN"}});
  EXPECT_EQ(*WholeRail(report), "VDD_IN");
  set({{"VDD_GPU_SOC", ""}, {"VDD_CPU_CV", ""}, {"VIN_SYS_5V0", ""}});
  EXPECT_EQ(WholeRail(report).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(WholeRail(report).status().message()),
              testing::HasSubstr("say with --rail which one the energies are of: VDD_GPU_SOC, "
                                 "VDD_CPU_CV, VIN_SYS_5V0"));
  set({{"battery", ""}, {"meter", ""}});
  report.estimates[1].reset();
  EXPECT_EQ(*WholeRail(report), "battery") << "a meter measures the same once more";
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

TEST(ClassOfType, KnowsWordsOfCaffePyTorchAndKeras) {
  for (const auto& [type, op_class] :
       {std::pair("InnerProduct", OpClass::kFullyConnected),
        std::pair("Linear", OpClass::kFullyConnected),
        std::pair("nn.Linear", OpClass::kFullyConnected), std::pair("BN", OpClass::kNormalisation),
        std::pair("BatchNorm2d", OpClass::kNormalisation),
        std::pair("Scale", OpClass::kNormalisation), std::pair("dw", OpClass::kDepthwise),
        std::pair("conv_dw", OpClass::kDepthwise), std::pair("dw-conv", OpClass::kDepthwise),
        std::pair("SiLU", OpClass::kActivation), std::pair("Permute", OpClass::kConcat),
        std::pair("SeparableConv2d", OpClass::kOther),
        std::pair("depthwise_separable_conv", OpClass::kOther),
        std::pair("ResizeBilinear", OpClass::kOther), std::pair("Upscale", OpClass::kOther)}) {
    EXPECT_EQ(ClassOfType(type), op_class) << type;
  }
}

}  // namespace
}  // namespace synergy
