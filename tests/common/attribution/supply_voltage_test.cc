#include "common/attribution/supply_voltage.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

namespace synergy {
namespace {

constexpr double kScale = 0.008;

// A supply that sags with the sum of two currents, read to whole steps.
SupplyVoltage Sagging(int readings, double own_ohm, double beside_ohm) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> even(0, 1);
  std::normal_distribution<double> normal;
  SupplyVoltage voltage;
  for (int i = 0; i < readings; ++i) {
    const std::array<double, 2> currents = {even(random), 2 * even(random)};
    const double volts = 19 - own_ohm * currents[0] - beside_ohm * currents[1];
    voltage.Add(std::round(volts / kScale + 0.2 * normal(random)), currents);
    if (i == readings / 2) voltage.EndPart();
  }
  voltage.EndPart();
  return voltage;
}

double At(const VoltageFit& fit, std::array<double, 2> currents) {
  return VoltageTerms(currents).dot(fit.p);
}

TEST(SupplyVoltage, SagsWithTheCurrentsOfAllRails) {
  const VoltageFit fit = Sagging(4000, 0.05, 0.02).Result(kScale);
  EXPECT_NEAR(At(fit, {0, 0}), 19, 5e-4);
  EXPECT_NEAR(At(fit, {1, 0}), 18.95, 5e-4);
  EXPECT_NEAR(At(fit, {0, 2}), 18.96, 5e-4) << "with the rail beside it";
}

TEST(SupplyVoltage, ItsCovarianceIsThatOfItsErrors) {
  const VoltageFit fit = Sagging(4000, 0.05, 0.02).Result(kScale);
  for (const std::array<double, 2> currents : {std::array{0.0, 0.0}, {1.0, 2.0}, {0.2, 1.7}}) {
    const Eigen::VectorXd terms = VoltageTerms(currents);
    const double sd = std::sqrt(terms.dot(fit.model_covariance * terms));
    EXPECT_LT(sd, 4e-4);
    EXPECT_NEAR(At(fit, currents), 19 - 0.05 * currents[0] - 0.02 * currents[1], 4 * sd);
  }
}

TEST(SupplyVoltage, NoCurrentMakesItRise) {
  // Two rails that nearly always move together, and a voltage that hardly sags: readings would be
  // explained best by much sag with one and as much rise with the other.
  SupplyVoltage voltage;
  for (int i = 0; i < 400; ++i) {
    const double own = 0.3 + 0.001 * (i % 7), beside = 0.1 + 0.0003 * ((i + 2) % 7);
    voltage.Add(i % 7 < 3 ? 1000 : 1001, std::array{own, beside});
  }
  voltage.EndPart();
  const VoltageFit fit = voltage.Result(kScale);
  EXPECT_LE(fit.p[1], 1e-6);
  EXPECT_LE(fit.p[2], 1e-6);
  EXPECT_NEAR(At(fit, {0.303, 0.1009}), 8.004, 0.003);
}

TEST(SupplyVoltage, ARailWithoutACurrentHasNoPart) {
  SupplyVoltage voltage;
  for (int i = 0; i < 50; ++i) voltage.Add(1000, std::array{1.0 + 0.01 * i, 0.0});
  voltage.EndPart();
  const VoltageFit fit = voltage.Result(kScale);
  EXPECT_NEAR(At(fit, {1.2, 0}), 8, 0.004);
  EXPECT_NEAR(At(fit, {1.2, 5}), At(fit, {1.2, 0}), 1e-6);
}

TEST(SupplyVoltage, WithoutKnownCurrentsItIsTheReadingsMean) {
  SupplyVoltage voltage;
  voltage.AddAlone(1000);
  voltage.AddAlone(1001);
  voltage.EndPart();
  const VoltageFit fit = voltage.Result(kScale);
  ASSERT_EQ(fit.p.size(), 1);
  EXPECT_NEAR(fit.p[0], 8.004, 1e-12);
}

}  // namespace
}  // namespace synergy
