#include "client/predict/intervals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "client/predict/families.h"
#include "tests/client/predict/synthetic_layers.h"

namespace synergy {
namespace {

// Ratios of networks that are off together by one spread and their operators by another.
class Source {
 public:
  Source(double of_networks, double of_operators)
      : of_networks_(of_networks), of_operators_(of_operators) {}

  std::vector<LogRatio> Draw(size_t networks, size_t operators) {
    std::vector<LogRatio> ratios;
    for (size_t network = 0; network < networks; ++network) {
      const double own = of_networks_ * normal_(random_);
      for (size_t i = 0; i < operators; ++i) {
        ratios.push_back({network, own + of_operators_ * normal_(random_)});
      }
    }
    return ratios;
  }

  // How many of operators of new networks lie in the interval that others say, each of which the
  // mean of the others predicted.
  double Coverage(size_t networks, size_t operators) {
    constexpr int kDraws = 4000;
    int inside = 0;
    for (int i = 0; i < kDraws; ++i) {
      std::vector<LogRatio> ratios = Draw(networks, operators);
      std::vector<double> sums(networks);
      double sum = 0;
      for (const LogRatio& ratio : ratios) {
        sums[ratio.network] += ratio.value;
        sum += ratio.value;
      }
      const auto others = static_cast<double>((networks - 1) * operators);
      for (LogRatio& ratio : ratios) ratio.value -= (sum - sums[ratio.network]) / others;
      const auto range = RatioRange95(ratios);
      const double off = Draw(1, 1).front().value - sum / static_cast<double>(ratios.size());
      const double next = std::exp(off);
      inside += range && next >= range->low && next <= range->high ? 1 : 0;
    }
    return static_cast<double>(inside) / kDraws;
  }

 private:
  const double of_networks_, of_operators_;
  std::mt19937_64 random_{1};
  std::normal_distribution<double> normal_;
};

TEST(Intervals, HoldWhatANewNetworkHas) {
  for (const size_t networks : {2u, 3u, 5u, 20u}) {
    EXPECT_NEAR(Source(0, 0.1).Coverage(networks, 1), 0.95, 0.025) << networks;
  }
}

TEST(Intervals, OperatorsOfOneNetworkCountAsOneWhereTheyAreOffTogether) {
  for (const size_t networks : {3u, 5u, 12u}) {
    EXPECT_NEAR(Source(0.2, 0.01).Coverage(networks, 3), 0.95, 0.025) << networks;
    EXPECT_NEAR(Source(0.1, 0.1).Coverage(networks, 3), 0.95, 0.035) << networks;
    EXPECT_NEAR(Source(0, 0.1).Coverage(networks, 3), 0.96, 0.035) << networks;
  }
}

// Shares of rows would hold as many networks as there are, and of 5 not 95 %.
TEST(Intervals, ManyOperatorsOfFewNetworksAreNotManyRows) {
  for (const size_t networks : {5u, 8u, 20u}) {
    for (const double of_networks : {0.05, 0.1, 0.3}) {
      const double share = Source(of_networks, 0.1).Coverage(networks, 30);
      EXPECT_GE(share, 0.90) << networks << " networks, " << of_networks;
      EXPECT_LE(share, 0.985) << networks << " networks, " << of_networks;
    }
  }
}

// A normal distribution holds all of it within 1.96 / 1.73 of where it ends.
TEST(Intervals, SharesAreOfNetworksThatAreManyOrOffNoMoreThanTheirOperators) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> even(-1, 1);
  const auto high_of = [&](size_t networks, double together) {
    std::vector<LogRatio> ratios;
    for (size_t network = 0; network < networks; ++network) {
      const double own = even(random);
      for (int i = 0; i < 100; ++i) {
        ratios.push_back({network, together * own + (1 - together) * even(random)});
      }
    }
    return std::log(RatioRange95(ratios)->high);
  };
  EXPECT_NEAR(high_of(20, 0), 0.95, 0.02);
  EXPECT_NEAR(high_of(400, 1), 0.95, 0.03);
  EXPECT_GT(high_of(20, 1), 1.05);
  EXPECT_GT(high_of(5, 0), 1.05);
}

TEST(Intervals, OneNetworkSaysNothing) {
  EXPECT_EQ(RatioRange95(Source(0.1, 0.1).Draw(1, 30)), std::nullopt);
  EXPECT_EQ(RatioRange95({}), std::nullopt);
}

// One pooling layer a network, each off by 10 %, and the model of the others' bytes.
TEST(Intervals, HoldOperatorsOfANewNetwork) {
  for (const int networks : {3, 5, 20}) {
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> even(5, 6);
    int inside = 0, all = 0;
    for (int draw = 0; draw < 400; ++draw) {
      FeatureTable table;
      table.energy_j = table.energy_sd_j = Eigen::VectorXd::Zero(networks + 10);
      Eigen::VectorXd bytes = table.energy_j;
      for (Eigen::Index i = 0; i < bytes.size(); ++i) {
        bytes[i] = std::pow(10, even(random));
        table.energy_j[i] = 3e-10 * bytes[i] * std::exp(0.1 * normal(random));
        table.networks.push_back(fmt::format("net{}", i));
        table.layers.emplace_back("pool");
        table.types.emplace_back("MaxPool");
      }
      table.runs = table.networks;
      table.Set("bytes", bytes);
      std::vector<Eigen::Index> train, test;
      for (Eigen::Index i = 0; i < bytes.size(); ++i) (i < networks ? train : test).push_back(i);
      const auto model = FitFamily(table.Select(train), {.family = Family::kLayerType});
      ASSERT_TRUE(model.ok()) << model.status();
      const FeatureTable next = table.Select(test);
      const auto predicted = Predict(*model, next);
      ASSERT_TRUE(predicted.ok()) << predicted.status();
      for (Eigen::Index i = 0; i < next.rows(); ++i) {
        const Prediction& row = predicted->rows[static_cast<size_t>(i)];
        ++all;
        inside += next.energy_j[i] >= row.low && next.energy_j[i] <= row.high ? 1 : 0;
      }
    }
    const double share = static_cast<double>(inside) / all;
    EXPECT_GE(share, 0.90) << networks;
    EXPECT_LE(share, 0.98) << networks;
  }
}

}  // namespace
}  // namespace synergy
