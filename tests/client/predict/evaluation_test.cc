#include "client/predict/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/client/predict/synthetic_layers.h"

namespace synergy {
namespace {

using testing::HasSubstr;

TEST(Evaluation, LeavesEachNetworkOutOnce) {
  const auto result =
      Evaluate(MakeLayers({.noise = 0.05}), {.family = Family::kLayerType}, LeaveOneNetworkOut{});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->runs.size(), 12u);
  EXPECT_EQ(result->operators.size(), 360u);
  EXPECT_EQ(result->by_class.at("pooling").count, 72u);
  // |noise| of 5 % is 4 % on average, and what the fit adds to it.
  EXPECT_NEAR(result->of_operators.mean, 0.04, 0.006);
  EXPECT_LT(result->of_runs.worst, 0.06);
  EXPECT_GT(result->of_runs.r_squared, 0.95);
  EXPECT_EQ(result->complexity, 5u);
}

TEST(Evaluation, IntervalsHold) {
  size_t inside = 0, all = 0, networks = 0, networks_inside = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const auto result = Evaluate(MakeLayers({.noise = 0.1, .seed = seed}),
                                 {.family = Family::kLayerType}, LeaveOneNetworkOut{});
    ASSERT_TRUE(result.ok());
    inside += result->of_operators.inside;
    all += result->of_operators.count;
    networks_inside += result->of_runs.inside;
    networks += result->of_runs.count;
  }
  EXPECT_NEAR(static_cast<double>(inside) / static_cast<double>(all), 0.95, 0.015);
  EXPECT_GE(static_cast<double>(networks_inside) / static_cast<double>(networks), 0.9);
}

// Each network's operators are off together by 20 %, and each by 10 % of its own.
TEST(Evaluation, IntervalsHoldWhereANetworksOperatorsAreOffTogether) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (const int networks : {5, 8, 20}) {
    size_t inside = 0, all = 0;
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      FeatureTable table =
          MakeLayers({.networks = networks + 3, .layers = 60, .noise = 0.1, .seed = seed});
      for (int network = 0; network < networks + 3; ++network) {
        table.energy_j.segment(60 * network, 60) *= std::exp(0.2 * normal(random));
      }
      TrainTest split{.train = DistinctNames(table.networks), .test = {}};
      split.test.assign(split.train.end() - 3, split.train.end());
      split.train.resize(static_cast<size_t>(networks));
      const auto result = Evaluate(table, {.family = Family::kLayerType}, split);
      ASSERT_TRUE(result.ok()) << result.status();
      inside += result->of_operators.inside;
      all += result->of_operators.count;
    }
    EXPECT_GE(static_cast<double>(inside) / static_cast<double>(all), 0.9) << networks;
    EXPECT_LE(static_cast<double>(inside) / static_cast<double>(all), 0.985) << networks;
  }
}

TEST(Evaluation, AFoldOfRowsIsDrawnWithTheSeed) {
  const FeatureTable table = MakeLayers({});
  const FitOptions options{.family = Family::kLayerType};
  const auto a = Evaluate(table, options, KFold{.folds = 5, .seed = 1});
  const auto same = Evaluate(table, options, KFold{.folds = 5, .seed = 1});
  const auto other = Evaluate(table, options, KFold{.folds = 5, .seed = 2});
  ASSERT_TRUE(a.ok() && same.ok() && other.ok());
  EXPECT_EQ(a->of_operators.mean, same->of_operators.mean);
  EXPECT_NE(a->of_operators.mean, other->of_operators.mean);
  EXPECT_EQ(a->of_operators.count, 360u);
  EXPECT_TRUE(a->runs.empty()) << "parts of networks are none";
}

// Two networks of twelve, whose rows the folds see as networks, with no operators any more.
TEST(Evaluation, AFoldOfNetworksKnowsTheDepthwiseOnes) {
  FeatureTable table = MakeLayers({});
  for (size_t i = 0; i < 60; ++i) {
    if (table.types[i] == "Conv") table.types[i] = "DepthwiseConv";
  }
  const auto result = Evaluate(table, {.family = Family::kMac}, KFold{.folds = 12, .seed = 1});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->runs.size(), 12u) << "folds of rows are folds of networks";
  for (const PredictedRow& row : result->runs) {
    const bool is_depthwise = row.network == "net0" || row.network == "net1";
    EXPECT_EQ(std::ranges::count(row.prediction.beyond, "depthwise_share"), is_depthwise ? 1 : 0)
        << row.network;
  }
}

TEST(Evaluation, ListsSayWhatIsTrainedOnAndTested) {
  const FeatureTable table = MakeLayers({});
  const auto result = Evaluate(table, {.family = Family::kMac},
                               TrainTest{.train = {"net0", "net1", "net2"}, .test = {"net7"}});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->runs.size(), 1u);
  EXPECT_EQ(result->runs[0].network, "net7");
  const auto twice = Evaluate(table, {}, TrainTest{.train = {"net0"}, .test = {"net0"}});
  EXPECT_THAT(std::string(twice.status().message()), HasSubstr("'net0' is both trained on"));
  const auto none = Evaluate(table, {}, TrainTest{.train = {"net99"}, .test = {"net0"}});
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("no network 'net99'"));
}

// The only operator of its class: nothing is left to predict it by when its network is left out.
TEST(Evaluation, WhatNothingKnowsIsInNoFigure) {
  FeatureTable table = MakeLayers({});
  table.types[3] = "FC";
  const auto result = Evaluate(table, {.family = Family::kLayerType}, LeaveOneNetworkOut{});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->of_operators.count, 359u);
  EXPECT_EQ(result->of_operators.unknown, 1u);
  EXPECT_EQ(result->of_runs.count, 11u);
  EXPECT_LT(result->of_operators.worst, 0.5);
  const PredictedRow& network = result->runs.front();
  EXPECT_FALSE(network.prediction.is_known);
  EXPECT_DOUBLE_EQ(network.known_j, table.energy_j.head(30).sum() - table.energy_j[3]);
  EXPECT_NEAR(network.prediction.mean / network.known_j, 1, 0.05) << "the others are predicted";
  EXPECT_THAT(result->notes, testing::Contains(HasSubstr("net0 layer3: nothing like it")));
}

// One convolution alone is unrolled: without it nothing tells what that costs.
TEST(Evaluation, NamesTermsThatTheRowsOfAFoldDoNotTell) {
  FeatureTable table = MakeLayers({});
  Eigen::VectorXd im2col = Eigen::VectorXd::Zero(table.rows());
  im2col[3] = 1e6;
  table.energy_j[3] *= 2;
  table.Set("im2col_bytes", im2col);
  const auto notes_of = [&](const Split& split) {
    const auto result = Evaluate(table, {.family = Family::kLayerType}, split);
    EXPECT_TRUE(result.ok()) << result.status();
    return result->notes;
  };
  EXPECT_THAT(notes_of(KFold{.folds = 3, .seed = 1}),
              testing::Contains(testing::ContainsRegex("^convolution: left out, too, of these "
                                                       "rows: without part . of 3 "
                                                       "'im2col_bytes'$")));
  TrainTest lists{.train = DistinctNames(table.networks), .test = {"net0"}};
  std::erase(lists.train, "net0");
  EXPECT_THAT(notes_of(lists), testing::Contains("convolution: left out, too, of these rows: "
                                                 "without what is tested 'im2col_bytes'"));
  for (size_t i = 0; i < table.networks.size(); ++i) {
    table.architectures.push_back(i < 60 ? "first" : "second");
  }
  EXPECT_THAT(notes_of(LeaveOneArchitectureOut{}),
              testing::Contains("convolution: left out, too, of these rows: without first "
                                "'im2col_bytes'"));
  EXPECT_THAT(notes_of(LeaveOneNetworkOut{}),
              testing::AllOf(testing::Contains("convolution: left out, too, where a network is: "
                                               "without net0 'im2col_bytes'"),
                             testing::Not(testing::Contains(HasSubstr("of these rows")))));
}

TEST(Evaluation, SaysWhichRunsHadNoCounts) {
  FeatureTable table = MakeLayers({});
  Eigen::VectorXd simd = *table.Find("simd");
  simd.head(30).setConstant(std::nan(""));
  table.Set("simd", simd);
  const auto result = Evaluate(table, {.family = Family::kCounters}, LeaveOneNetworkOut{});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->of_runs.count, 11u);
  EXPECT_THAT(result->notes, testing::Contains(HasSubstr("no counts of bus and simd: net0")));
}

TEST(Evaluation, AnArchitectureIsLeftOutWithAllOfItsNetworks) {
  FeatureTable table = MakeLayers({});
  for (size_t i = 0; i < table.networks.size(); ++i) {
    table.architectures.push_back(i / 30 < 4 ? "first" : i / 30 < 8 ? "second" : "third");
  }
  // Each of the first costs more by half: their siblings alone would tell.
  table.energy_j.head(120) *= 1.5;
  const FitOptions options{.family = Family::kLayerType};
  const auto networks = Evaluate(table, options, LeaveOneNetworkOut{});
  const auto architectures = Evaluate(table, options, LeaveOneArchitectureOut{});
  ASSERT_TRUE(networks.ok() && architectures.ok()) << architectures.status();
  EXPECT_EQ(architectures->of_runs.count, 12u);
  const auto off = [](const Evaluation& of) {
    return of.runs.front().prediction.mean / of.runs.front().measured_j - 1;
  };
  EXPECT_LT(off(*architectures), off(*networks) - 0.05);
  table.architectures.clear();  // "net0" and its like are all of "net"
  EXPECT_THAT(std::string(Evaluate(table, options, LeaveOneArchitectureOut{}).status().message()),
              HasSubstr("all networks are of 'net'"));
}

TEST(Evaluation, NamesSayTheArchitecture) {
  for (const auto& [network, architecture] :
       {std::pair("resnet50_v1.5", "resnet"), std::pair("wide_resnet50_2", "resnet"),
        std::pair("squeezenet1.1", "squeezenet"), std::pair("mobilenet_v2", "mobilenet"),
        std::pair("inception_v3", "inception"), std::pair("googlenet", "inception"),
        std::pair("VGG16", "vgg"), std::pair("nin", "nin"), std::pair("3d", "3d")}) {
    EXPECT_EQ(ArchitectureOfName(network), architecture);
  }
}

// Which a prediction has not, and a model of these terms does not look at.
TEST(Evaluation, ATimeIsNoExtrapolation) {
  FeatureTable table = MakeLayers({});
  Eigen::VectorXd time = Eigen::VectorXd::Constant(table.rows(), 1);
  time.head(30).setConstant(2);
  table.Set("time", time);
  const auto result = Evaluate(table, {.family = Family::kLayerType}, LeaveOneNetworkOut{});
  ASSERT_TRUE(result.ok()) << result.status();
  for (const PredictedRow& row : result->operators) {
    EXPECT_EQ(std::ranges::count(row.prediction.beyond, "time"), 0);
  }
}

TEST(Evaluation, OneNetworkCannotBeLeftOut) {
  const auto result = Evaluate(MakeLayers({.networks = 1}), {}, LeaveOneNetworkOut{});
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("at least two networks"));
}

}  // namespace
}  // namespace synergy
