// How good a family's predictions are of networks, or operators, that it has not seen. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "client/predict/families.h"
#include "client/predict/feature_table.h"

namespace synergy {

// What is left out of the fit, and predicted.
struct LeaveOneNetworkOut {};
// With all its siblings: what a network of a new kind is predicted like.
struct LeaveOneArchitectureOut {};
struct KFold {
  int folds = 10;  // of rows, at least 2; drawn with the seed
  uint64_t seed = 1;
};
struct TrainTest {
  std::vector<std::string> train, test;  // networks
};
using Split = std::variant<LeaveOneNetworkOut, LeaveOneArchitectureOut, KFold, TrainTest>;

// Of relative errors |predicted - measured| / measured, of what was predicted.
struct ErrorFigures {
  size_t count = 0;
  size_t unknown = 0;  // not predicted: nothing like it was left to fit to
  double mean = 0, sd = 0, median = 0, p90 = 0, worst = 0;
  double r_squared = 0;  // of energies
  size_t with_interval = 0;
  size_t inside = 0;      // how many of these lie within it
  size_t below_zero = 0;  // how many were predicted below 0, which counts as 0
  size_t beyond = 0;      // how many were flagged as extrapolations
  double accuracy() const { return 1 - mean; }
};

struct PredictedRow {
  std::string network, run, layer, type;  // no layer: a whole network
  double measured_j = 0;
  Prediction prediction;
  double known_j = 0;  // measured, of the operators that prediction.mean is of
};

struct Evaluation {
  FitOptions options;
  size_t complexity = 0;                      // coefficients of the fit to all rows
  std::vector<PredictedRow> operators, runs;  // operators: of families that know them
  std::map<std::string, ErrorFigures> by_class;
  ErrorFigures of_operators, of_runs;
  std::vector<std::string> notes;
};

// InvalidArgument: a network of the lists is not there or on both, or too few networks or rows.
absl::StatusOr<Evaluation> Evaluate(const FeatureTable& table, const FitOptions& options,
                                    const Split& split);

}  // namespace synergy
