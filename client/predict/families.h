// The families of models that energies are fitted with (docs/prediction.md has their terms). Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/predict/energy_model.h"
#include "client/predict/feature_table.h"

namespace synergy {

struct FitOptions {
  Family family = Family::kMac;
  int degree = 1;  // of the family mac: a polynomial of so many powers
  // Of a table, beside ours: the family individual has each of them alone as a term.
  std::vector<std::string> more_features{};
};
inline constexpr int kMostDegree = 4;

// The rows that the family can be fitted to: families that take counts have those of the runs that
// have them, families of operators those of runs that have energies of operators, which is noted
// where some have not; families that take no counts have no columns of them.
FeatureTable RowsFor(const FitOptions& options, const FeatureTable& table,
                     std::vector<std::string>* notes);

// Fits the family to the table's energies, so that relative errors are small, and finds its
// intervals by leaving out one network after the other. Terms that the rows cannot tell from others
// are left out and named in the model's notes. InvalidArgument: a feature that the family needs is
// not there, energies that are not above 0, or too few rows; the message says which.
absl::StatusOr<EnergyModel> FitFamily(const FeatureTable& table, const FitOptions& options);

}  // namespace synergy
