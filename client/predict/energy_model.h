// A fitted model of energies: data, readable and complete. Pure.
#pragma once

#include <Eigen/Dense>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/predict/feature_table.h"
#include "client/predict/joint_range.h"
#include "client/predict/term.h"

namespace synergy {

enum class Family { kMac, kCounters, kChain, kLayerType, kIndividual, kPhysical };
// "mac", "counters", "chain", "layer-type", "individual", "physical".
std::string_view FamilyName(Family family);
std::optional<Family> FamilyOfName(std::string_view name);
inline constexpr Family kFamilies[] = {Family::kMac,       Family::kCounters,   Family::kChain,
                                       Family::kLayerType, Family::kIndividual, Family::kPhysical};

// Whether a family knows operators apart, or networks alone.
bool IsOfOperators(Family family);

// From where to where a feature was in what a model was fitted to.
struct FeatureRange {
  std::string feature;
  double low = 0, high = 0;
};

// A linear regression, of operators of some classes.
struct ModelPart {
  std::string target;               // "energy", or a feature that later parts need
  std::optional<OpClass> op_class;  // nothing: all
  std::vector<Term> terms;
  Eigen::VectorXd coefficients;  // J, or the target's unit, by that of the term
  Eigen::MatrixXd covariance;    // 0 of what is not known
  Eigen::VectorXd scales;        // root mean squares of the terms, weighted as in the fit
  uint64_t rows = 0;
  // Energies measured over what was predicted of them when their network was left out: the shares
  // within which 95 % were, of the part's class. 0: not known; of a class then those of all.
  double ratio_low = 0, ratio_high = 0;
  std::vector<FeatureRange> hull;
  JointRange together{};  // of a class's features

  size_t complexity() const;  // coefficients that are not 0
};

// How sure a coefficient is.
struct CoefficientError {
  std::optional<double> sd;  // nothing: not known; it stands at 0, or there were too few rows
  bool at_bound = false;     // there, since it may not be negative
};

struct EnergyModel {
  Family family = Family::kMac;
  int degree = 1;
  std::string rail;
  std::vector<ModelPart> parts;  // in the order in which they are computed
  // Half the 95 % interval of a whole network, as the logarithm of a factor; 0: not known.
  double network_log_half = 0;
  // What it was fitted to, for people and to warn: "board", "engine", "clocks", ...
  std::map<std::string, std::string> conditions;
  std::vector<std::string> networks;
  std::vector<std::string> runs;
  std::vector<std::string> notes;  // what was left out, and why

  size_t complexity() const;
  CoefficientError ErrorOf(const ModelPart& part, Eigen::Index term) const;
};

// In the place of a feature, where each is within its range and together they are not.
inline constexpr std::string_view kTogether = "together";

struct Prediction {
  double mean = 0, low = 0, high = 0;  // J; low and high are the mean where they are not known
  std::vector<std::string> beyond;     // features that lie outside of what the model was fitted to
  // False: no part of the model is of this operator, or of one of the network, whose mean is that
  // of the others then.
  bool is_known = true;
  std::vector<std::string> unknown_classes;  // which these are
  // The model's sum is below 0, of it or of an operator of the network, and counts as 0.
  bool is_below_zero = false;
};

struct Predictions {
  std::vector<Prediction> rows;        // of the table; of families of operators alone
  std::vector<std::string> run_names;  // in the order of FeatureTable::ByRun
  std::vector<Prediction> runs;        // whole networks
};

// NotFound where a feature that the model needs is not in the table.
absl::StatusOr<Predictions> Predict(const EnergyModel& model, const FeatureTable& table);

// Predicted values of the part's target alone, by row of `table`; every feature is there.
Eigen::VectorXd ValuesOf(const ModelPart& part, const FeatureTable& table);

}  // namespace synergy
