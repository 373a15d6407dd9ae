// Small selections of the zoo at two clocks, whose terms many rows do not tell apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "client/models/zoo.h"
#include "client/predict/evaluation.h"
#include "client/predict/op_features.h"

namespace synergy {
namespace {

using Eigen::VectorXd;
using testing::Contains;
using testing::HasSubstr;

constexpr const char* kNetworks[] = {"squeezenet", "squeezenet1.1", "resnet18",
                                     "resnet34",   "mobilenet",     "googlenet",
                                     "nin",        "alexnet",       "shufflenet_v2_x1_0"};

void Append(const FeatureTable& more, FeatureTable* table) {
  const auto join = [](auto* to, const auto& from) {
    to->insert(to->end(), from.begin(), from.end());
  };
  join(&table->networks, more.networks);
  join(&table->runs, more.runs);
  join(&table->layers, more.layers);
  join(&table->types, more.types);
  const auto below = [](const VectorXd& a, const VectorXd& b) {
    VectorXd both(a.size() + b.size());
    both << a, b;
    return both;
  };
  for (const FeatureColumn& column : more.features) {
    const VectorXd* before = table->Find(column.name);
    table->Set(column.name, before == nullptr ? column.values : below(*before, column.values));
  }
  table->energy_j = below(table->energy_j, more.energy_j);
  table->energy_sd_j = below(table->energy_sd_j, more.energy_sd_j);
}

// A roofline's seconds, with what no term has: a cache's cliff, and what single operators are off
// by.
FeatureTable RowsOf(const std::vector<std::string>& networks, std::mt19937_64* random) {
  std::normal_distribution<double> normal;
  FeatureTable table;
  for (const std::string& network : networks) {
    for (const double ghz : {1.224, 1.734}) {
      FeatureTable rows = FeaturesOf(*(*FindModel(network))->build(1, 1), ghz);
      VectorXd time(rows.rows()), energy(rows.rows());
      for (Eigen::Index i = 0; i < rows.rows(); ++i) {
        const double arithmetic = (*rows.Find("flops"))[i] / (8e9 * ghz);
        const double bytes = (*rows.Find("bytes"))[i];
        const double traffic = bytes / (bytes < 2e6 ? 20e9 : 5e9);
        time[i] = 1e-5 + std::max(arithmetic, traffic) * std::exp(0.5 * normal(*random));
        energy[i] = time[i] * (1.5 + 1.1 * std::pow(ghz, 3)) * std::exp(0.02 * normal(*random));
      }
      rows.networks.assign(rows.networks.size(), network);
      rows.runs.assign(rows.runs.size(), network + std::to_string(ghz));
      rows.Set("time", time);
      rows.energy_j = energy;
      rows.energy_sd_j = 1e-3 * energy;
      Append(rows, &table);
    }
  }
  return table;
}

TEST(ZooSubsets, EverySelectionCanBeFittedAndEvaluated) {
  std::mt19937_64 random(1);
  for (int subset = 0; subset < 8; ++subset) {
    std::vector<std::string> networks(std::begin(kNetworks), std::end(kNetworks));
    const size_t count = 4 + random() % 4;
    while (networks.size() > count) {
      networks.erase(networks.begin() + static_cast<std::ptrdiff_t>(random() % networks.size()));
    }
    const FeatureTable table = RowsOf(networks, &random);
    for (const Family family : {Family::kLayerType, Family::kPhysical, Family::kIndividual}) {
      const auto result = Evaluate(table, {.family = family}, LeaveOneNetworkOut{});
      ASSERT_TRUE(result.ok()) << testing::PrintToString(networks) << FamilyName(family) << ": "
                               << result.status();
      EXPECT_EQ(result->of_runs.count + result->of_runs.unknown, 2 * count);
    }
  }
}

// With two clocks the square of one is a sum of 1 and its inverse.
TEST(ZooSubsets, TermsThatTwoClocksCannotTellAreNamed) {
  std::mt19937_64 random(1);
  const FeatureTable table = RowsOf({"squeezenet", "resnet18", "mobilenet"}, &random);
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(model->notes, Contains("convolution: left out: 'frequency^2' is a sum of '1', "
                                     "'frequency^-1' in these rows"));
}

// Two others have local normalisations, whose energies are in proportion to all of their features:
// a penalty that shrinks predicts a third of them.
TEST(ZooSubsets, FewNetworksOfAClassAreEnoughForIndividual) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  FeatureTable table = RowsOf({"alexnet", "googlenet", "vgg_cnn_s", "squeezenet"}, &random);
  for (Eigen::Index i = 0; i < table.rows(); ++i) {
    if (table.types[static_cast<size_t>(i)] != "LRN") continue;
    table.energy_j[i] = 1e-8 * (*table.Find("bytes"))[i] * std::exp(0.03 * normal(random));
  }
  const auto result = Evaluate(table, {.family = Family::kIndividual}, LeaveOneNetworkOut{});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->by_class.at("local-normalisation").count, 10u);
  EXPECT_LT(result->by_class.at("local-normalisation").worst, 0.15);
}

// No other network has depthwise convolutions: the interval of the others' operators stays.
TEST(ZooSubsets, WhatANetworkAloneHasTakesNoIntervalFromOthers) {
  std::mt19937_64 random(1);
  const FeatureTable table =
      RowsOf({"squeezenet", "squeezenet1.1", "resnet18", "resnet34", "mobilenet"}, &random);
  const auto model = FitFamily(table, {.family = Family::kLayerType});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_GT(model->network_log_half, 0);
  EXPECT_THAT(model->notes, Contains(HasSubstr("the interval of networks does not tell of "
                                               "mobilenet,")));
  for (const ModelPart& part : model->parts) {
    EXPECT_EQ(part.ratio_high > 0, part.op_class != OpClass::kDepthwise)
        << OpClassName(*part.op_class);
  }
}

}  // namespace
}  // namespace synergy
