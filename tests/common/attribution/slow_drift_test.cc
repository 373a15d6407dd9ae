#include "common/attribution/slow_drift.h"

#include "gtest/gtest.h"

namespace synergy {
namespace {

double ValueAt(const SlowDrift& drift, const Eigen::VectorXd& knots, double at_ns) {
  const SlowDrift::Weights w = drift.At(at_ns);
  const auto knot = static_cast<Eigen::Index>(w.knot);
  return w.first * knots[knot] + w.second * knots[knot + 1];
}

TEST(SlowDrift, WhatALongerOneSaysAtItsKnotsIsWhatItSaysEverywhere) {
  SlowDrift drift(0, 16e9);
  for (const double end_ns : {31e9, 50e9, 51e9, 200e9, 3600e9}) {
    const SlowDrift longer = drift.ExtendedTo(end_ns);
    EXPECT_LE(longer.knots(), 2 * SlowDrift::kMostKnots);
    Eigen::VectorXd values(static_cast<Eigen::Index>(longer.knots()));
    for (Eigen::Index i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(i));
    // A line through more knots can bend more often: what fewer ones say, more can say.
    const Eigen::VectorXd in_old = drift.In(longer) * values;
    for (const double at_ns : {0.0, 1e9, 7.5e9, 15.9e9}) {
      EXPECT_NEAR(ValueAt(drift, in_old, at_ns), ValueAt(longer, values, at_ns), 1e-12) << end_ns;
    }
    drift = longer;
  }
}

TEST(SlowDrift, ReachesTheEndOfARunThatGoesOn) {
  const SlowDrift drift = SlowDrift(0, 16e9).ExtendedTo(17e9);
  EXPECT_EQ(drift.knots(), 10u) << "every 2 s until 18 s";
  const SlowDrift::Weights w = drift.At(17e9);
  EXPECT_EQ(w.knot, 8u);
  EXPECT_DOUBLE_EQ(w.second, 0.5);
}

}  // namespace
}  // namespace synergy
