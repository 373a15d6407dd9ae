#include "common/attribution/supply_voltage.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kIterations = 30;
// A rail's mean current makes the supply sag by this share of the voltage, as one standard
// deviation.
constexpr double kSagSpread = 0.1;
// The voltage itself is around the readings' mean, within its own size.
constexpr double kVoltageSpread = 1;
// Of a current that seems to make it rise: none.
constexpr double kNoSag = 1e-6;
constexpr double kNoiseSpread = 10;  // of the noise around the one before, as a factor
// Readings in one cluster.
constexpr uint32_t kClusterRows = 16;

}  // namespace

VectorXd VoltageTerms(std::span<const double> currents) {
  VectorXd terms(1 + static_cast<Index>(currents.size()));
  terms[0] = 1;
  std::ranges::copy(currents, terms.begin() + 1);
  return terms;
}

void SupplyVoltage::Add(double steps, std::span<const double> currents) {
  AddAlone(steps);
  const VectorXd terms = VoltageTerms(currents);
  if (term_sums_.size() == 0) {
    term_sums_ = VectorXd::Zero(terms.size());
    term_products_ = MatrixXd::Zero(terms.size(), terms.size());
  }
  std::vector<RegressionRows::Entry> row;
  for (Index i = 0; i < terms.size(); ++i) {
    row.push_back({.parameter = static_cast<uint32_t>(i), .weight = terms[i]});
  }
  part_.Add(row, steps, 0, static_cast<uint32_t>(part_.size()) / kClusterRows);
  term_sums_ += terms;
  term_products_ += terms * terms.transpose();
  steps_ += steps;
  count_ += 1;
}

void SupplyVoltage::AddAlone(double steps) {
  all_steps_ += steps;
  all_count_ += 1;
}

Quadratic SupplyVoltage::Prior() const {
  const Index terms = mean_.size();
  VectorXd around(terms + 1), information(terms + 1);
  around << mean_, noise_;
  const VectorXd sd = rises_.select(kNoSag * sd_, sd_);
  information << sd.cwiseAbs2().cwiseInverse(), std::pow(kNoiseSpread * noise_, -2);
  return {.h = MatrixXd(information.asDiagonal()), .g = information.cwiseProduct(around)};
}

RegressionFit SupplyVoltage::Fit(bool is_first) const {
  Quadratic prior = Prior();
  prior.h += summary_.h;
  prior.g += summary_.g;
  return is_first ? FitRounded(part_, p_, noise_, prior, kIterations)
                  : StepRounded(part_, p_, noise_, prior);
}

void SupplyVoltage::EndPart() {
  if (part_.size() == 0) return;
  const bool is_first = p_.size() == 0;
  if (is_first) {
    const double level = std::max(std::abs(steps_ / count_), 1.0);
    mean_ = VectorXd::Zero(term_sums_.size());
    mean_[0] = steps_ / count_;
    // A rail without a current makes nothing sag.
    constexpr double kLeastCurrent = 1e-9;
    sd_ = kSagSpread * level *
          (term_sums_ / count_).cwiseAbs().cwiseMax(kLeastCurrent).cwiseInverse();
    sd_[0] = kVoltageSpread * level;
    p_ = mean_;
    const Index size = p_.size() + 1;
    summary_ = {.h = MatrixXd::Zero(size, size), .g = VectorXd::Zero(size)};
    score_products_ = MatrixXd::Zero(size, size);
  }
  rises_.setConstant(p_.size(), false);
  RegressionFit fit = Fit(is_first);
  // One after the other: without it those that are alike change.
  for (Index worst = 0;; rises_[worst] = true, fit = Fit(is_first)) {
    VectorXd rise = rises_.select(0, (fit.p.array() * term_sums_.array()));
    rise[0] = 0;
    if (!(rise.maxCoeff(&worst) > 0)) break;
  }
  summary_.h += fit.data.h;
  summary_.g += fit.data.g;
  score_products_ += fit.score_products;
  p_ = fit.p;
  noise_ = fit.noise;
  part_ = RegressionRows();
}

VoltageFit SupplyVoltage::Result(double scale) const {
  VoltageFit fit;
  if (p_.size() == 0) {
    if (all_count_ > 0) fit.p[0] = scale * all_steps_ / all_count_;
    return fit;
  }
  const Index terms = p_.size();
  MatrixXd information = Prior().h + summary_.h;
  // Readings of less noise than a step say nothing of where between two steps the voltage is, but
  // it is between those: together they know at least as much as one of them.
  information.topLeftCorner(terms, terms) += term_products_ / (count_ * kRoundingVariance);
  const MatrixXd covariance = information.ldlt().solve(MatrixXd::Identity(terms + 1, terms + 1));
  fit.p = scale * p_;
  fit.model_covariance = scale * scale * covariance.topLeftCorner(terms, terms);
  fit.robust_covariance =
      scale * scale * (covariance * score_products_ * covariance).topLeftCorner(terms, terms);
  return fit;
}

}  // namespace synergy
