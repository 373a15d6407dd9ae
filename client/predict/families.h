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
};
inline constexpr int kMostDegree = 4;

// The rows that the family can be fitted to: families that take counts have those of the runs that
// have them, which is noted where some have not; the others have all rows, without counts.
FeatureTable RowsFor(const FitOptions& options, const FeatureTable& table,
                     std::vector<std::string>* notes);

// Fits the family to the table's energies, so that relative errors are small, and finds its
// intervals by leaving out one network after the other. Terms that the rows cannot tell from others
// are left out and named in the model's notes. InvalidArgument: a feature that the family needs is
// not there, energies that are not above 0, or too few rows; the message says which.
absl::StatusOr<EnergyModel> FitFamily(const FeatureTable& table, const FitOptions& options);

}  // namespace synergy
