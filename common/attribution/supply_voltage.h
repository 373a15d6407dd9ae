// The voltage of a rail, from readings that are rounded to whole steps: supplies sag with the
// currents that they deliver, of this rail and of those beside it. V = V0 - sum of ohm_j I_j.
// Pure.
#pragma once

#include <Eigen/Dense>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/attribution/rounded_regression.h"

namespace synergy {

// What multiplies a voltage's parameters: 1, then the currents [A, or the unit of their readings].
Eigen::VectorXd VoltageTerms(std::span<const double> currents);

struct VoltageFit {
  // By terms, volts: a channel of power has one of 1 V, which nothing else is known to be.
  Eigen::VectorXd p = Eigen::VectorXd::Ones(1);
  Eigen::MatrixXd model_covariance = Eigen::MatrixXd::Zero(1, 1);
  Eigen::MatrixXd robust_covariance = Eigen::MatrixXd::Zero(1, 1);
};

// Part by part. Thread-compatible; copies are independent.
class SupplyVoltage {
 public:
  // A reading: its steps, and the currents' means over the span in which it was converted. Always
  // of as many rails.
  void Add(double steps, std::span<const double> currents);
  // One of which no current is known: it counts where there is no other.
  void AddAlone(double steps);
  void EndPart();
  // Volts, `scale` a step.
  VoltageFit Result(double scale) const;

 private:
  Quadratic Prior() const;
  RegressionFit Fit(bool is_first) const;

  RegressionRows part_;
  Eigen::VectorXd term_sums_;      // of all rows
  Eigen::MatrixXd term_products_;  // likewise
  double steps_ = 0, count_ = 0, all_steps_ = 0, all_count_ = 0;
  // From the first part: around what the parameters are, and how far from it.
  Eigen::VectorXd mean_, sd_;
  Eigen::Array<bool, Eigen::Dynamic, 1> rises_;  // terms that would make it rise, which none does
  Eigen::VectorXd p_;
  double noise_ = 0.5;
  Quadratic summary_;  // of the parts before, with the noise
  Eigen::MatrixXd score_products_;
};

}  // namespace synergy
